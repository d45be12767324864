"""A folder of small definitions, and an app over them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.domain import naming
from pipeline.ports import BlobRef
from tests.fakes.app import FakeApp

POOL = """
description: test pool
size: Standard_D2s_v5
image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, agent: batch.node.ubuntu 24.04}
slots: 2
nodes: {maximum: 4}
price: {per_hour: 0.36, currency: USD, source: test, date: 2026-09-01}
"""
BODY = """
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
"""
BLOB = "trigger: {blob: {container: input, prefix: lines/}, http: true}\n" + BODY
PLAIN = "assemble: {concatenate: {format: plain, name: all.txt}}\n"
LINES = BLOB + PLAIN + "split: {lines: {}}\n"
REQUEST = "trigger: {http: true}\n" + BODY + PLAIN
PROGRAMS = f"""{BLOB}
split: {{program: {{program: cut.py, parameters: [n]}}}}
assemble: {{program: {{program: join.py}}}}
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
    """Make an app of one pipeline called `job`, or of several given by name."""

    def make(text: str = LINES, *, also: dict[str, str] | None = None, **more: object) -> FakeApp:
        for name, content in {"job": text, **(also or {})}.items():
            (folder / f"pipelines/{name}.yaml").write_text(content)
        return FakeApp.over(folder, **more)

    return make


def manifest_of(app: FakeApp, run) -> dict:
    """Read the manifest of a run's present generation."""
    name = f"{naming.output_folder(run.pipeline, run.id, run.generation)}/manifest.json"
    return json.loads(app.world.blobs.read(BlobRef("output", name)))


def content_of(app: FakeApp, run) -> bytes:
    """Read the one file of a run's output."""
    (file,) = manifest_of(app, run)["files"]
    return app.world.blobs.read(app.world.blobs.at(file["url"]))
