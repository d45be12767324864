"""Tasks that ask for a GPU: what Batch and containers get, what is recorded, how one may lack."""

from dataclasses import replace

import pytest

from pipeline.domain.plans.plan import Page
from pipeline.domain.runs import failures
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.running import delivery
from pipeline.ports.batch import Mount
from task_scripts.runtime import runner_gpu
from tests.fakes.batch import Outcome
from tests.fakes.node import Failure, FakeNode
from tests.unit.handlers.conftest import LINES, PROGRAMS, manifest_of
from tests.unit.handlers.nodes import scripted

CARDS = LINES.replace("pool: cpu", "pool: cards")
ASKING = CARDS.replace("program: work.py", "program: work.py, gpu: 1")
IMAGE = "image: registry.example/tools/encode:2"
BOXED = CARDS.replace("pool: cards", "pool: crates").replace(
    "{program: work.py", f"{{{IMAGE}, program: work.py"
)
ALONE = (
    LINES.replace("lines: {}", "range: {start: 0, stop: 1, step: 1}")
    .replace("{program: work.py", f"{{{IMAGE}, command: [encode], gpu: 1")
    .replace("pool: cpu", "pool: crate")
)
T4 = {"device": "cuda:0", "name": "Tesla T4", "driver": "580.95.05"}
CPU = {"device": "cpu", "name": "", "driver": ""}


def specs_of(app):
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    (job,) = app.world.batch.jobs.values()
    return [task.spec for task in job.tasks.values()]


def finished(app, *devices, text=b"one\ntwo\n"):
    """Run all tasks, the first ones on these devices; return the run."""
    nodes = [FakeNode(app.world.blobs, app.world.clock, app.program, device=d) for d in devices]
    scripted(app, {f"t{number:06}": [node] for number, node in enumerate(nodes)})
    app.upload("lines/a.txt", text)
    app.settle()
    return app.only_run()


@pytest.mark.parametrize(("text", "gpu"), [(ASKING, 1), (CARDS, 0)])
def test_the_page_tells_the_runner_whether_to_lease_a_gpu(app_with, text, gpu):
    app = app_with(text)
    specs_of(app)
    page = Page.model_validate_json(app.world.blobs.read(app.only_run().plan.page(0)))
    assert page.program.gpu == gpu


def test_an_image_that_asks_gets_the_gpus_and_the_folder_of_the_leases(app_with):
    spec = specs_of(app_with(BOXED.replace("program: work.py", "program: work.py, gpu: 1")))[0]
    asked = {name: value for name, value in spec.environment.items() if "NVIDIA" in name}
    assert asked == {
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video,graphics",
    }
    assert Mount("Shared") in spec.container.mounts
    assert not any("gpu" in option for option in spec.container.options)


def test_an_image_that_does_not_ask_sees_no_gpu_and_no_shared_folder(app_with):
    spec = specs_of(app_with(BOXED))[0]
    assert spec.environment["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert Mount("Shared") not in spec.container.mounts


def test_on_a_pool_without_gpus_nothing_is_said_of_them(app_with):
    spec = specs_of(app_with(BOXED.replace("pool: crates", "pool: boxes")))[0]
    assert not any("NVIDIA" in name for name in spec.environment)


@pytest.mark.parametrize("optional", [True, False])
def test_the_runner_is_told_whether_the_cpu_will_do(app_with, optional):
    app = app_with(ASKING)
    app.engine = replace(app.engine, gpu_optional=optional)
    spec = specs_of(app)[0]
    assert spec.environment.get(runner_gpu.MISSING) == ("cpu" if optional else None)


def test_a_task_that_asks_for_no_gpu_is_told_nothing(app_with):
    app = app_with(CARDS)
    app.engine = replace(app.engine, gpu_optional=True)
    assert runner_gpu.MISSING not in specs_of(app)[0].environment


@pytest.mark.parametrize(
    ("gpu", "optional", "told"), [(1, False, "cuda:0"), (1, True, None), (0, True, "cpu")]
)
def test_a_command_without_the_runner_is_told_what_is_certain(app_with, gpu, optional, told):
    app = app_with(ALONE.replace("gpu: 1", f"gpu: {gpu}"))
    app.engine = replace(app.engine, gpu_optional=optional)
    spec = specs_of(app)[0]
    assert spec.environment.get("FANFARE_DEVICE") == told
    assert spec.container.mounts == [Mount("Task")]


def test_run_and_manifest_name_what_the_tasks_ran_on(app_with):
    app = app_with(ASKING)
    run = finished(app, T4, T4, CPU, text=b"1\n2\n3\n")
    named = [(str(use), use.tasks) for use in run.devices]
    assert named == [("Tesla T4 (driver 580.95.05)", 2), ("cpu", 1)]
    assert manifest_of(app, run)["devices"] == [{**T4, "tasks": 2}, {**CPU, "tasks": 1}]


def test_a_run_that_fails_names_them_as_well(app_with):
    app = app_with(ASKING)
    app.program = lambda item: Failure()
    run = finished(app, T4, T4)
    assert (run.state, [use.tasks for use in run.devices]) == ("failed", [2])


def test_programs_that_split_and_assemble_count_as_well(app_with):
    text = PROGRAMS.replace("pool: cpu", "pool: cards").replace("join.py", "join.py, gpu: 1")
    app = app_with(text)
    app.program = lambda item: (
        [("items.json", b'[{"parameters": {"n": 1}}]')]
        if item.page["program"]["file"] == "cut.py"
        else [("x.txt", b"x")]
    )
    node = FakeNode(app.world.blobs, app.world.clock, app.program, device=T4)
    app.execute = node
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, [use.tasks for use in run.devices]) == ("succeeded", [1])


def test_nodes_that_name_ever_new_devices_fill_no_row(app_with):
    app = app_with(ASKING)
    names = [{**T4, "name": f"T{number}"} for number in range(40)]
    run = finished(app, *names, text=b"x\n" * 40)
    assert (run.state, len(run.devices)) == ("succeeded", 16)


@pytest.mark.parametrize(
    "device", [{"device": "../x"}, {**T4, "name": "x" * 101}, "T4", {"name": "T4"}]
)
def test_a_receipt_with_an_odd_device_does_not_count(app_with, device):
    app = app_with(f"{ASKING}retries: {{receipt-invalid: 0}}\n")
    run = finished(app, device, text=b"x\n")
    assert (run.state, run.cause) == ("failed", "receipt-invalid")


def without_gpu(app, words=b"No GPU: nvidia-smi is not on the node.\n"):
    """End a task as a runner does that sees no GPU."""

    def execute(spec):
        upload = next(one for one in spec.uploads if one.pattern == "s-*.txt")
        ref = BlobRef(upload.container, f"{upload.folder}/s-{app.world.clock.token()}.txt")
        app.world.blobs.write(ref, words, "*")
        return Outcome(runner_gpu.EXIT_CODE)

    return execute


def test_a_task_that_sees_no_gpu_runs_once_more_perhaps_on_another_node(app_with):
    app = app_with(ASKING)
    ran = scripted(app, {"t000000": [without_gpu(app)]})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert (app.only_run().state, ran["t000000"]) == ("succeeded", 2)


def test_a_run_whose_nodes_show_no_gpu_fails_for_that_cause_in_the_runners_words(app_with):
    app = app_with(ASKING)
    ran = scripted(app, {"t000000": [without_gpu(app)] * 9})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, ran["t000000"]) == ("failed", "gpu-missing", 2)
    missing = app.world.events.published[-1]["data"]["missing"][0]
    assert missing["cause"] == "gpu-missing"
    assert "No GPU: nvidia-smi is not on the node." in missing["tail"]


def test_engine_and_runner_mean_the_same():
    assert runner_gpu.EXIT_CODE == failures.NO_GPU
    assert runner_gpu.MARK == delivery.NO_GPU
    assert runner_gpu.MISSING == "FANFARE_MISSING_GPU"
