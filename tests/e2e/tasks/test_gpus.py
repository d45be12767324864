"""Tasks in containers that ask for a GPU, through the whole stack, with a stand-in for the driver.

The image shows its devices as NVIDIA's runtime would; the leases in the shared folder are real.
"""

from collections.abc import Iterator

import pytest

from pipeline.handlers.starting.start import start_for_request
from tests import images
from tests.e2e.local import Stack

POOL = f"""
size: Standard_NC64as_T4_v3
image: {{publisher: microsoft-dsvm, offer: ubuntu-hpc, sku: "2404", agent: batch.node.ubuntu 24.04}}
gpu: nvidia
gpus: 2
slots: 2
nodes: {{maximum: 1}}
containers: {{images: [{images.CARD_IMAGE}]}}
"""
PIPELINE = f"""
trigger: {{http: true}}
split: {{range: {{start: 0, stop: 4, step: 1}}}}
task: {{image: {images.CARD_IMAGE}, program: alone.py, gpu: 1}}
pool: cards
assemble: {{concatenate: {{format: plain, name: devices}}}}
"""
# It fails if another task has its device, which would show in a folder that is there already.
PROGRAM = """
import os, pathlib, time
here = pathlib.Path(os.environ["AZ_BATCH_NODE_SHARED_DIR"], os.environ["CUDA_VISIBLE_DEVICES"])
here.mkdir()
time.sleep(0.5)
here.rmdir()
pathlib.Path(os.environ["FANFARE_OUTPUT"], "device").write_text(os.environ["FANFARE_DEVICE"])
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    images.card_image()
    made = Stack(tmp_path_factory.mktemp("cards"), "benign", 7, {"FANFARE_MISSING_GPU": "fail"})
    (made.definitions / "pools/cards.yaml").write_text(POOL, "utf-8")
    (made.definitions / "pipelines/alone.yaml").write_text(PIPELINE, "utf-8")
    (made.definitions / "task_scripts/alone.py").write_text(PROGRAM, "utf-8")
    made.start()
    yield made
    made.stop()


def test_tasks_in_containers_lease_the_devices_of_their_node(stack: Stack) -> None:
    pipeline = stack.engine.catalogue.pipelines["alone"]
    run_id = start_for_request(stack.engine, pipeline, "once", None, {}).run.id
    run, _ = stack.succeeded(run_id)
    assert stack.output(run)["devices"] == b"cuda:0" * 4
    t4 = {"device": "cuda:0", "name": "Tesla T4", "driver": "580.95.05"}
    assert stack.manifest(run)["devices"] == [{**t4, "tasks": 4}]
