"""How the run's input comes to the items: whole, in parts, or as a URL."""

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest

from pipeline.domain.definitions import delivered as delivered_as
from pipeline.domain.plans import delivery
from pipeline.domain.plans.plan import Delivery, PlannedCut
from pipeline.domain.plans.split import PlanError
from pipeline.domain.runs.naming import BlobRef
from tests.fakes.definitions import older_runner
from tests.unit.handlers.conftest import BLOB, LINES, PLAIN, PROGRAMS

RANGED = f"{BLOB}{PLAIN}split: {{bytes: {{bytes_per_item: 4}}}}\n"


def delivered(app_with, text: str, content: bytes = b"abcdefgh"):
    """Return the app and the first spec of a run with this input."""
    app = app_with(text)
    app.upload("lines/a.txt", content)
    app.pump()
    (job,) = app.world.batch.jobs.values()
    return app, job.spec, job.tasks["t000000"].spec


def test_an_input_in_parts_is_listed_with_the_spans_of_the_tasks_items(app_with):
    app, _, spec = delivered(app_with, f"{RANGED}input: {{delivery: range}}\n")
    assert [file.path for file in spec.inputs] == ["page.json", "files.jsonl"]
    (name, _) = [n for n in app.world.blobs.names("engine") if "/files/" in n]
    (line,) = app.world.blobs.read(BlobRef("engine", name)).splitlines()
    listed = json.loads(line)
    assert (listed["path"], listed["size"], listed["spans"]) == ("in/input.txt", 8, [[0, 4]])
    app.settle()
    assert app.only_run().state == "succeeded"


def test_items_of_one_task_share_a_span_where_their_parts_meet():
    assert list(delivery.united([(4, 8), (0, 4), (20, 30), (25, 26)])) == [(0, 8), (20, 30)]
    assert list(delivery.united([])) == []


def test_a_node_gets_an_input_once_and_its_disk_is_freed_at_the_end(app_with):
    _, job, spec = delivered(app_with, f"{LINES}input: {{delivery: node}}\n", b"one\n")
    assert [file.path for file in spec.inputs] == ["page.json"]
    assert "in/input.txt" in [file.path for file in job.preparation_inputs]
    assert job.release == "/bin/sh -c 'rm -rf \"$AZ_BATCH_JOB_PREP_WORKING_DIR/in\"'"


def test_a_program_that_reads_by_url_gets_one_and_no_file(app_with):
    text = LINES.replace("lines: {}", "range: {stop: 1, step: 1}")
    _, job, spec = delivered(app_with, f"{text}input: {{delivery: url}}\n")
    assert [file.path for file in spec.inputs] == ["page.json"]
    assert "/input/lines/a.txt?snapshot=" in spec.environment["FANFARE_INPUT_URL"]
    assert job.release == ""


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        (LINES, 1 << 20, "task"),
        (RANGED, 1 << 20, "task"),
        (RANGED, 16 << 20, "range"),
        (LINES, 100 << 20, "node"),
        (LINES.replace("lines: {}", "range: {stop: 1, step: 1}"), 64 << 20, "node"),
    ],
)
def test_size_and_split_choose_the_delivery(app_with, text, size, expected):
    definition = app_with(text).engine.catalogue.pipelines["job"]
    cut = PlannedCut(placeholder="bytes_file") if "bytes" in text else None
    assert delivered_as.chosen(definition, size, cut) == expected


@pytest.mark.parametrize(
    ("delivery", "disk", "said"),
    [
        (
            Delivery.TASK,
            "3g",
            "2 tasks at once have 2,147,483,648 bytes of input do not fit",
        ),
        (Delivery.NODE, "1g", "2,147,483,648 bytes of input do not fit the 1g that a node of cpu"),
        (Delivery.TASK, "4g", None),
        (Delivery.NODE, "2g", None),
        (Delivery.RANGE, "1g", None),
        (Delivery.URL, "1g", None),
        (Delivery.TASK, None, None),
    ],
)
def test_what_does_not_fit_the_disk_of_a_node_is_refused(app_with, delivery, disk, said):
    catalogue = app_with(LINES).engine.catalogue
    definition = catalogue.pipelines["job"]
    pool = catalogue.pools["cpu"].model_copy(update={"disk": disk})
    context = pytest.raises(PlanError, match=said) if said else nullcontext()
    with context:
        delivered_as.check_disk(definition, delivery, 2 << 30, pool)


def test_a_run_whose_runner_is_of_an_older_release_gets_its_input_with_each_task(app_with):
    app = app_with(f"{PROGRAMS}input: {{delivery: node}}\n")
    today = app.engine
    older = older_runner(today.scripts)
    app.engine = replace(today, scripts=older)  # which begins the run, and its split program
    app.program = lambda _item: [("items.json", b'[{"parameters": {"n": 1}}]')]
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    app.engine = today
    app.settle()
    run = app.only_run()
    spec = app.world.batch.jobs[run.job].tasks["t000000"].spec
    assert "in/input.txt" in [file.path for file in spec.inputs]


def test_a_text_that_is_not_utf8_has_no_ranges(app_with):
    text = f"{LINES}input: {{delivery: range}}\n"
    app = app_with(text.replace('"{output}"', '"{lines_file}"'))
    app.upload("lines/a.txt", "one\ntwo\n".encode("utf-16"))
    app.settle()
    assert app.only_run().cause == "plan-failed"
    assert "which is utf-16" in app.only_run().error
