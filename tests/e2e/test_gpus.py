"""On the real stack: tasks that ask for a GPU, on nodes with a stand-in for nvidia-smi or without.

The stand-in shows two devices; who leases them, and what is recorded, is real.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.handlers.starting.start import start_for_request
from tests.e2e.local import Stack

POOL = """
size: Standard_NC64as_T4_v3
image: {publisher: microsoft-dsvm, offer: ubuntu-hpc, sku: "2404", agent: batch.node.ubuntu 24.04}
gpu: nvidia
gpus: 2
slots: 2
nodes: {maximum: 1}
"""
# An item fails if another one has its device, which would show in a folder that is there already.
ALONE = (
    'here="$AZ_BATCH_NODE_SHARED_DIR/busy-$CUDA_VISIBLE_DEVICES"; mkdir "$here" || exit 9; '
    'sleep 0.5; rmdir "$here"; echo "$FANFARE_DEVICE" > "$0/device"'
)
TELL = 'echo "$FANFARE_DEVICE" > "$0/device"'
PIPELINE = """
trigger: {{http: true}}
split: {{range: {{start: 0, stop: 6, step: 1}}}}
task: {{command: [sh, -c, '{script}', "{{output}}"], gpu: 1}}
pool: cards
assemble: {{concatenate: {{format: plain, name: devices}}}}
"""
SHOWN = """#!/bin/sh
echo '0, GPU-0000, 580.95.05, Tesla T4'
echo '1, GPU-1111, 580.95.05, Tesla T4'
"""
T4 = {"device": "cuda:0", "name": "Tesla T4", "driver": "580.95.05"}


def stack_in(folder: Path, settings: dict[str, str]) -> Iterator[Stack]:
    programs = folder / "programs"
    programs.mkdir()
    made = Stack(folder, "benign", 7, settings, ("--node-path", f"{programs}:/usr/bin:/bin"))
    (made.definitions / "pools/cards.yaml").write_text(POOL, "utf-8")
    for name, script in (("alone", ALONE), ("tell", TELL)):
        text = PIPELINE.format(script=script)
        (made.definitions / f"pipelines/{name}.yaml").write_text(text, "utf-8")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpus")


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """Run a stack as `fanfare up` does."""
    yield from stack_in(folder, {})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack whose tasks fail without a GPU, as in Azure."""
    yield from stack_in(tmp_path_factory.mktemp("strict"), {"FANFARE_MISSING_GPU": "fail"})


def started(stack: Stack, name: str) -> str:
    pipeline = stack.engine.catalogue.pipelines[name]
    return start_for_request(stack.engine, pipeline, "once", None, {}).run.id


def test_six_tasks_share_two_devices_one_at_a_time_and_the_manifest_names_them(
    stack: Stack, folder: Path
) -> None:
    program = folder / "programs/nvidia-smi"
    program.write_text(SHOWN)
    program.chmod(0o755)
    run, _ = stack.succeeded(started(stack, "alone"))
    assert stack.output(run)["devices"] == b"cuda:0\n" * 6
    assert stack.manifest(run)["devices"] == [{**T4, "tasks": 6}]
    program.unlink()


def test_on_a_machine_without_a_gpu_they_run_on_the_cpu_and_the_run_says_so(stack: Stack) -> None:
    run, _ = stack.succeeded(started(stack, "tell"))
    assert stack.output(run)["devices"] == b"cpu\n" * 6
    assert [(use.device, use.tasks) for use in run.devices] == [("cpu", 6)]


def test_where_the_setting_is_as_in_azure_the_run_fails_for_want_of_a_gpu(strict: Stack) -> None:
    run, event = strict.finished(started(strict, "tell"))
    assert (run.state, run.cause, run.executions) == (State.FAILED, Cause.GPU_MISSING, 1)
    assert "nvidia-smi is not on the node" in event["data"]["missing"][0]["tail"]
