"""A run on a local stack computes on the real GPUs of this machine.

`make test-gpu` runs it. Nothing stands in for the driver, for nvidia-smi or for the devices.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.handlers.starting.start import start_for_request
from tests.e2e.local import Stack

SMI = shutil.which("nvidia-smi")
POOL = """
size: Standard_NC64as_T4_v3
image: {{publisher: microsoft-dsvm, offer: ubuntu-hpc, sku: "2404", agent: batch.node.ubuntu 24.04}}
gpu: nvidia
gpus: {gpus}
slots: {gpus}
nodes: {{maximum: 1}}
"""
PIPELINE = """
trigger: {http: true}
split: {range: {start: 0, stop: 6, step: 1}}
task: {program: fill.py, gpu: 1}
pool: cards
assemble: {concatenate: {format: jsonl, name: told.jsonl}}
"""


def asked(what: str) -> list[str]:
    """Ask nvidia-smi for a property of each device."""
    if SMI is None:
        return []
    command = [SMI, f"--query-gpu={what}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


@pytest.fixture(scope="module")
def names() -> list[str]:
    found = asked("name")
    if not found:
        pytest.skip("for want of a GPU that nvidia-smi shows")
    return found


@pytest.fixture(scope="module")
def stack(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    path = f"{Path(SMI or '').parent}:/usr/local/bin:/usr/bin:/bin"
    strict = {"FANFARE_MISSING_GPU": "fail"}
    made = Stack(tmp_path_factory.mktemp("gpu"), "benign", 7, strict, ("--node-path", path))
    pool = POOL.format(gpus=min(len(names), 16))
    (made.definitions / "pools/cards.yaml").write_text(pool, "utf-8")
    (made.definitions / "pipelines/filling.yaml").write_text(PIPELINE, "utf-8")
    shutil.copy(Path(__file__).with_name("fill.py"), made.definitions / "task_scripts")
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(480)
def test_tasks_compute_each_on_one_device_and_the_manifest_names_them(
    stack: Stack, names: list[str]
) -> None:
    pipeline = stack.engine.catalogue.pipelines["filling"]
    run_id = start_for_request(stack.engine, pipeline, "once", None, {}).run.id
    run, _ = stack.succeeded(run_id, 400)
    told = [json.loads(line) for line in stack.output(run)["told.jsonl"].splitlines()]
    assert [(one["devices"], one["whole"], one["device"]) for one in told] == [
        (1, True, "cuda:0")
    ] * 6
    used = stack.manifest(run)["devices"]
    assert {one["name"] for one in used} <= set(names)
    assert {one["driver"] for one in used} == set(asked("driver_version")[:1])
    assert sum(one["tasks"] for one in used) == 6
