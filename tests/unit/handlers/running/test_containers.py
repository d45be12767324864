"""Tasks in containers: what Batch gets, and how a command without the runner ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.ports.batch import Mount
from pipeline.ports.images import ImageFacts
from tests.fakes.definitions import PULLED
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import manifest_of
from tests.unit.handlers.nodes import batch_says, losing, node_lost, scripted, times_out

IMAGE = "registry.example/tools/encode:2"
HEAD = "trigger: {blob: {container: input, prefix: films/}}\npool: boxes\nassemble: {none: {}}\n"
COMMAND = f"""{HEAD}
split: {{range: {{start: 0, stop: 2, step: 1}}}}
task:
  image: {IMAGE}
  command: [encode, --from, "{{start}}", "a b", "{{input}}", "--out={{output}}/x.mp4"]
"""
PROGRAM = f"""{HEAD}
split: {{lines: {{}}}}
task: {{image: {IMAGE}, program: work.py, shared_memory: 2g}}
"""


def planned(app):
    app.upload("films/a.mov", b"one\ntwo\n")
    app.pump()
    (job,) = app.world.batch.jobs.values()
    return job


def ended(app):
    app.settle()
    run = app.only_run()
    return run


@pytest.fixture
def app(app_with):
    return app_with(COMMAND)


def test_a_command_of_an_image_is_one_task_an_item_with_files_named_from_its_folder(app):
    job = planned(app)
    first = job.tasks["t000001"].spec
    assert first.command == "encode --from 1 'a b' in/input.mov --out=fanfare-output/x.mp4"
    assert [file.path for file in first.inputs] == [
        "in/input.mov",
        "fanfare-output/.keep",
        ".ended",
    ]
    digest = app.world.images.resolve(IMAGE).digest
    assert first.container.image == f"registry.example/tools/encode@{digest}"
    assert first.container.options == ["--rm"]
    assert first.container.mounts == [Mount("Task")]
    assert {"HOME": "/tmp", "USER": "fanfare"}.items() <= first.environment.items()
    assert first.environment["TRACEPARENT"] == app.only_run().traceparent
    assert (first.environment["FANFARE_ITEM"], job.spec.preparation) == ("1", "")


def test_the_runner_in_an_image_gets_what_preparation_delivers_and_no_more(app_with):
    job = planned(app_with(PROGRAM))
    spec = job.tasks["t000000"].spec
    assert spec.command.startswith("-c 'read -r id") and "exec python3 " in spec.command
    assert spec.container.options == ["--rm", "--shm-size=2g", "--entrypoint=/bin/sh"]
    assert spec.container.mounts == [Mount("Task"), Mount("JobPrep", read_only=True)]
    assert "work.py" in [file.path for file in job.spec.preparation_inputs]


def test_a_tag_that_moves_meanwhile_changes_no_execution_and_the_manifest_has_its_digest(app_with):
    app = app_with(f"{COMMAND}retries: {{program-failed: 1}}\n")
    was = app.world.images.resolve(IMAGE)
    tried = []

    def flaky(item):
        app.world.images.known[IMAGE] = replace(was, reference="moved", digest="sha256:0")
        tried.append(item.id)
        return Failure() if tried.count(item.id) == 1 else []

    app.program = flaky
    planned(app)
    run = ended(app)
    specs = [task.spec for job in app.world.batch.jobs.values() for task in job.tasks.values()]
    assert {spec.container.image for spec in specs} == {was.reference}
    assert manifest_of(app, run)["images"] == {IMAGE: was.digest}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"refused": {IMAGE: "no such manifest"}}, "no such manifest"),
        (
            {"known": {IMAGE: ImageFacts("x", "sha256:1", frozenset({"arm64"}))}},
            "is built for arm64, but nodes of pool boxes are amd64",
        ),
    ],
)
def test_an_image_that_cannot_run_ends_the_run_before_anything_is_paid(app, fault, said):
    app.world.images.__dict__.update(fault)
    app.upload("films/a.mov", b"x")
    run = ended(app)
    assert (run.state, run.cause) == (State.FAILED, Cause.IMAGE_MISSING)
    assert said in run.error
    assert not app.world.batch.jobs


def test_a_registry_that_is_down_is_waited_for_and_the_run_says_so(app):
    app.world.images.down.add(IMAGE)
    app.upload("films/a.mov", b"x")
    for _ in range(8):
        app.pump()
        app.pass_time()
    assert "the registry of registry.example/tools/encode:2 is down" in app.only_run().why
    app.world.images.down.clear()
    assert ended(app).state is State.SUCCEEDED


def test_the_images_own_path_is_set(app):
    known = replace(app.world.images.resolve(IMAGE), path="/opt/conda/bin:/bin")
    app.world.images.known[IMAGE] = known
    job = planned(app)
    assert job.tasks["t000000"].spec.environment["PATH"] == "/opt/conda/bin:/bin"


@pytest.mark.parametrize(("image", "more"), [(IMAGE, 30), (PULLED, 0)])
def test_batch_gives_a_task_time_to_pull_an_image_that_nodes_lack(app_with, image, more):
    job = planned(app_with(COMMAND.replace(IMAGE, image)))
    assert job.tasks["t000000"].spec.limit == timedelta(minutes=10 + more)


def test_outputs_are_what_the_command_left_and_have_digests_in_the_manifest(app):
    app.program = lambda item: [(f"deep/{item.id}.mp4", b"film")]
    planned(app)
    run = ended(app)
    assert (run.state, run.succeeded) == (State.SUCCEEDED, 2)
    files = manifest_of(app, run)["files"]
    assert [(file["name"], file["size"]) for file in files] == [
        ("deep/0.mp4", 4),
        ("deep/1.mp4", 4),
    ]
    assert all(len(file["digest"]["value"]) == 64 for file in files)


def test_a_command_that_fails_is_told_with_its_code_and_last_words(app):
    app.program = lambda item: Failure(tail="no such codec", exit_code=7) if item.id else []
    planned(app)
    run = ended(app)
    assert (run.state, run.cause, run.failed) == (State.FAILED, Cause.PROGRAM_FAILED, 1)
    (missing,) = app.world.events.published[-1]["data"]["missing"]
    assert (missing["exit_code"], missing["tries"]) == (7, 1)
    assert missing["tail"] == "no such codec\nThe program exited with code 7."


def test_retries_of_a_command_are_further_executions_under_new_names(app_with):
    app = app_with(f"{COMMAND}retries: {{program-failed: 2}}\n")
    tries = []

    def flaky(item):
        tries.append(item.id)
        return Failure() if tries.count(1) < 3 and item.id == 1 else [("x", b"x")]

    app.program = flaky
    planned(app)
    run = ended(app)
    assert (run.state, sorted(tries)) == (State.SUCCEEDED, [0, 1, 1, 1])
    assert len({name.split("/")[-2] for name in app.world.blobs.names("receipts")}) == 4


def test_a_time_limit_is_told_whatever_code_batch_has_for_it(app):
    scripted(app, {"t000000": [times_out(app)]})
    planned(app)
    run = ended(app)
    assert (run.state, run.cause) == (State.FAILED, Cause.TIMED_OUT)


def test_an_end_whose_event_is_lost_is_found_by_the_sweep(app):
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    planned(app)
    assert ended(app).state is State.SUCCEEDED


def test_a_node_that_is_lost_and_an_image_that_nobody_has_end_the_run_rightly(app):
    missing = batch_says("ContainerInvalidImage", "One or more container images are invalid")
    scripted(app, {"t000000": [node_lost], "t000001": [missing]})
    planned(app)
    run = ended(app)
    assert (run.cause, run.succeeded, run.failed) == (Cause.IMAGE_MISSING, 1, 1)


def test_an_output_whose_upload_failed_is_made_anew_under_another_name(app):
    app.program = lambda item: [("x", b"%d" % item.id)]
    scripted(app, {"t000000": [losing(app, "fanfare-output/x")]})
    planned(app)
    run = ended(app)
    assert (run.state, run.executions) == (State.SUCCEEDED, 1)
