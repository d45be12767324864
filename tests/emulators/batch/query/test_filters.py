"""Filters of the task list read the tasks themselves and find what their documents would give."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.batch.document import Doc, stamp
from emulators.batch.model.states import TaskState
from emulators.batch.model.task import Task, with_task_defaults
from emulators.batch.query.filter import compile_filter
from emulators.batch.query.page import AS_IT_IS, View, cut, read_query
from emulators.batch.query.properties import TASKS, type_of
from emulators.batch.wire.tasks import READERS, shown
from tests.depth import more
from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator

_BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
_NAMES = ("", "Render", "render-1", "task_2", "é")
_SPREAD = {"S": ("eq", "ne", "gt", "ge", "lt", "le"), "T": ("eq", "ne", "gt", "ge", "lt", "le")}
moments = st.integers(0, 3).map(lambda hours: stamp(_BEGAN + timedelta(hours=hours)))


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    found: Doc = {"retryCount": draw(st.integers(0, 2)), "requeueCount": 0}
    values = {
        "startTime": moments,
        "endTime": moments,
        "exitCode": st.integers(-1, 2),
        "result": st.sampled_from(["success", "failure"]),
    }
    for name in draw(st.sets(st.sampled_from(sorted(values)))):
        found[name] = draw(values[name])
    task_id = draw(st.sampled_from(_NAMES[1:4]))
    body = {"id": task_id, "commandLine": "true", "State": "mine", "nodeInfo": {"poolId": "mine"}}
    return Task(
        id=task_id,
        job_id="job",
        seq=0,
        spec_text=json.dumps(with_task_defaults(body)),
        state=draw(st.sampled_from(list(TaskState))),
        created=draw(moments),
        since=draw(moments),
        changed=draw(moments),
        previous=draw(st.sampled_from(["", "active"])),
        execution=found,
        pool_id="pool",
        node_id=draw(st.sampled_from(["", "node"])),
    )


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(TASKS)))
    kind = type_of(name)
    if TASKS[name] == "S" and draw(st.booleans()):
        return f"startswith({name}, '{draw(st.sampled_from(_NAMES))}')"
    literals = {
        "text": st.sampled_from([*_NAMES, *TaskState, "success", "failure"]).map("'{}'".format),
        "moment": moments.map("DateTime'{}'".format),
        "number": st.integers(-1, 2).map(str),
    }
    word = draw(st.sampled_from(_SPREAD.get(TASKS[name], ("eq", "ne"))))
    return f"{name} {word} {draw(literals[kind] | st.just('null'))}"


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, st.sampled_from(["and", "or"]), inner)
    return pairs.map(lambda three: f"({' '.join(three)})") | inner.map("not ({})".format)


filters = st.recursive(comparisons(), _joined, max_leaves=6)


def whole(task: Task) -> Doc:
    return shown("http://batch", task)


@settings(max_examples=more(200, 2000))
@given(tasks(), filters)
def test_a_filter_finds_a_task_by_what_its_document_says(task: Task, text: str) -> None:
    document = {**whole(task), "lastModifiedTime": task.changed}
    assert compile_filter(text, TASKS, READERS)(task) is compile_filter(text, TASKS)(document)


@settings(max_examples=more(200, 2000))
@given(
    tasks(),
    st.sets(st.sampled_from(["id", "State", "commandLine", "nodeInfo", "executionInfo", "url"])),
)
def test_what_is_selected_is_what_the_document_says(task: Task, names: set[str]) -> None:
    asked = read_query({"$select": ",".join(names)}, TASKS, "")
    view = View(READERS, lambda task, names: shown("http://batch", task, names))
    documents, _ = cut([(0, whole(task))], asked, AS_IT_IS)
    assert cut([(0, task)], asked, view)[0] == documents


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("filtered", nodes=0)
    emulator.add_job("filtered", "filtered")
    emulator.add_task("filtered", "t", "true")
    return "filtered"


def test_last_modified_time_of_a_filter_is_the_property_last_modified(
    emulator: Emulator, job: str
) -> None:
    found = [
        [one.id for one in emulator.client.list_tasks(job, filter=text)]
        for text in (
            "lastModifiedTime gt DateTime'2020-01-01T00:00:00Z'",
            "lastModifiedTime lt DateTime'2020-01-01T00:00:00Z'",
        )
    ]
    assert found == [["t"], []]


@pytest.mark.parametrize("name", ["nodeInfo", "previousState", "State"])
def test_what_the_service_sets_cannot_be_given(emulator: Emulator, job: str, name: str) -> None:
    body = {"id": "other", "commandLine": "true", name: "mine"}
    answer = send(emulator, "POST", f"/jobs/{job}/tasks", body)
    assert refusal(answer)[:2] == (400, "InvalidRequestBody")
