"""A folder of small definitions, and an app over them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.app import FakeApp

POOL = """
description: test pool
size: Standard_D2s_v5
image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, agent: batch.node.ubuntu 24.04}
slots: 2
nodes: {maximum: 4}
price: {per_hour: 0.36, currency: USD, source: test, date: 2026-09-01}
"""
LINES = """
trigger: {blob: {container: input, prefix: lines/}, http: true}
split: {lines: {}}
task: {program: work.py, arguments: ["{input}", "{line}", "{output}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("pipelines", "pools", "task_scripts/environments"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pools/cpu.yaml").write_text(POOL)
    for name in ("work.py", "runner.py", "environment.py", "join.py", "cut.py"):
        (tmp_path / "task_scripts" / name).write_text(f"# {name}\n")
    return tmp_path


@pytest.fixture
def app_with(folder: Path) -> Callable[..., FakeApp]:
    def make(text: str = LINES, **more: object) -> FakeApp:
        (folder / "pipelines/job.yaml").write_text(text)
        return FakeApp.over(folder, **more)

    return make
