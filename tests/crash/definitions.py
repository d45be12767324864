"""The definitions that the scenarios run, read once a process."""

import functools
import tempfile
from pathlib import Path

from tests.fakes.app import Definitions

POOL = """
description: test pool
size: Standard_D2s_v5
image: {publisher: canonical, offer: ubuntu-24_04-lts, sku: server, agent: batch.node.ubuntu 24.04}
slots: 2
nodes: {maximum: 4}
price: {per_hour: 0.36, currency: USD, source: test, date: 2026-09-01}
"""
TASK = """
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
"""
LINES = f"""
trigger: {{blob: {{container: input, prefix: lines/}}}}
split: {{lines: {{}}}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
{TASK}"""
RANGE = f"""
trigger: {{http: true, schedule: {{cron: "0 5 10 24 12 *", time_zone: UTC}}}}
split: {{range: {{start: 0, stop: 20, step: 10}}}}
assemble: {{reduce: {{name: sum.json, fields: {{total: sum}}}}}}
output: {{alias: none}}
{TASK}"""
PROGRAMS = f"""
trigger: {{blob: {{container: input, prefix: programs/}}}}
split: {{program: {{program: cut.py, parameters: [n]}}}}
assemble: {{program: {{program: join.py}}}}
max_concurrent_runs: 1
{TASK}"""
_PIPELINES = {
    "lines": LINES,
    "tolerant": LINES.replace("lines/", "tolerant/") + "tolerance: {failed_items: 1}\n",
    "range": RANGE,
    "programs": PROGRAMS,
}


@functools.cache
def definitions() -> Definitions:
    """Write the definitions to a folder, read them as the app does, and keep them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("pipelines", "pools", "task_scripts/environments"):
            (folder / part).mkdir(parents=True)
        (folder / "pools/cpu.yaml").write_text(POOL)
        for script in ("work.py", "runner.py", "environment.py", "join.py", "cut.py"):
            (folder / "task_scripts" / script).write_text(f"# {script}\n")
        for pipeline, text in _PIPELINES.items():
            (folder / f"pipelines/{pipeline}.yaml").write_text(text)
        return Definitions.of(folder)
