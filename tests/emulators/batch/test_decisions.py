"""Pure parts: filters, state tables, the scheduler, verdicts, patterns, routes, signatures."""

import json
import random
from pathlib import Path

import pytest
from azure.batch import BatchClient
from hypothesis import given
from hypothesis import strategies as st

from emulators.batch import coverage
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job, with_job_defaults
from emulators.batch.model.node import Node
from emulators.batch.model.states import (
    MOVES,
    IllegalMove,
    JobState,
    NodeState,
    TaskState,
    check_move,
)
from emulators.batch.model.task import Task
from emulators.batch.query.filter import compile_filter
from emulators.batch.query.properties import TASKS
from emulators.batch.scheduler.assign import Policy, assignments
from emulators.batch.scheduler.shelf import NoRoom, Shelf
from emulators.batch.scheduler.verdict import (
    Ending,
    Failure,
    consequences,
    process_ended,
    shall_retry,
)
from emulators.batch.transfer.patterns import matches
from emulators.batch.wire.contract import CONTRACTS
from emulators.batch.wire.ranges import wanted_range
from emulators.batch.wire.routes import ROUTES, RouteTable

TASK = {
    "id": "task-7",
    "state": "completed",
    "creationTime": "2030-01-01T00:00:00.000000Z",
    "executionInfo": {"exitCode": 3, "result": "failure"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state eq 'completed'", True),
        ("state eq 'Completed' and executionInfo/result eq 'failure'", True),
        ("state ne 'completed' or id eq 'task-7'", True),
        ("(state ne 'completed' or id eq 'x') and id ge 'a'", False),
        ("startswith(id, 'task-')", True),
        ("executionInfo/exitCode gt 2", True),
        ("executionInfo/exitCode le 2", False),
        ("executionInfo/endTime gt DateTime'2020-01-01T00:00:00Z'", False),
        ("creationTime lt datetime'2030-01-01T00:00:01Z'", True),
        ("creationTime gt 2029-12-31T23:00:00-02:00", False),
        ("creationTime ge 2030-01-01", True),
        ("not startswith(id,'x') and not(state eq 'active')", True),
        ("executionInfo/result ne null and executionInfo/endTime eq null", True),
        ("id eq 'it''s' or id eq 'task-7'", True),
        ("id ne 'DateTime''2020'''", True),
        ("STATE EQ 'COMPLETED'", True),
        ("executionInfo/exitCode eq -1", False),
        (" or ".join(["id eq 'x'"] * 300) + " or id eq 'task-7'", True),
    ],
)
def test_filters_hold_or_not(text: str, expected: bool) -> None:
    assert compile_filter(text, TASKS)(TASK) is expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "state", "state eq", "x eq 1", "state eq 'a' and", "startswith(id)", "(id eq 'a'"),
        *("state gt 'active'", "startswith(state,'a')", "endswith(id,'a')", "id in ('a','b')"),
        *("creationTime gt 'yesterday'", "creationTime gt DateTime'never'", "id eq 1"),
        *("executionInfo/exitCode eq '1'", "id eq id", "1 eq 1", "id eq 1 add 2"),
        *("id/any(x:x eq 1)", "creationTime gt 2024-13-45", "$", "\x00"),
        *("not " * 200 + "id eq 'a'", "id eq '" + "x" * 9000 + "'"),
    ],
)
def test_bad_filters_are_refused(text: str) -> None:
    with pytest.raises(BatchError) as error:
        compile_filter(text, TASKS)
    assert error.value.code == "InvalidQueryParameterValue"


def test_every_state_has_a_row_and_terminal_states_stay() -> None:
    for states, table in MOVES.items():
        assert set(table) == set(states)
    for state in (JobState.DELETING, NodeState.LEAVING_POOL):
        assert not MOVES[type(state)][state]
    with pytest.raises(IllegalMove):
        check_move(JobState.COMPLETED, JobState.ACTIVE)


def job(name: str, **spec: object) -> Job:
    body = {"id": name, "poolInfo": {"poolId": "p"}, **spec}
    return Job(
        id=name, spec=with_job_defaults(body), state=JobState.ACTIVE, created="2030-01-01T00:00:00Z"
    )


def add(to: Job, name: str, slots: int = 1, **spec: object) -> Task:
    task = Task(
        id=name,
        job_id=to.id,
        seq=len(to.order),
        spec_text=json.dumps(spec),
        slots=slots,
        state=TaskState.ACTIVE,
        created="2030-01-01T00:00:00Z",
    )
    to.add(task)
    return task


def node(name: str, slots: int, **more: object) -> Node:
    return Node(
        id=name,
        pool_id="p",
        dedicated=True,
        slots=slots,
        number=0,
        state=NodeState.IDLE,
        created="2030-01-01T00:00:00Z",
        **more,
    )


def assigned(
    jobs: list[Job],
    nodes: list[Node],
    *,
    pack: bool = False,
    by_age: bool = False,
    **barred: set[str],
) -> list[tuple[str, str]]:
    found = []
    for one in assignments(jobs, Shelf(nodes), barred, Policy(pack=pack, by_age=by_age)):
        found.append((one.task.id, one.node.id))
        one.node.used += one.task.slots
        one.job.counts.leave(one.task)
        one.task.state = TaskState.RUNNING
        one.job.counts.enter(one.task)
    return found


def test_tasks_spread_over_nodes_or_pack_them() -> None:
    def work() -> Job:
        made = job("j")
        for number in range(3):
            add(made, f"t{number}")
        return made

    assert {where for _, where in assigned([work()], [node("a", 4), node("b", 4)])} == {"a", "b"}
    assert (
        len({where for _, where in assigned([work()], [node("a", 4), node("b", 4)], pack=True)})
        == 1
    )


def test_a_small_task_passes_a_large_one_that_does_not_fit() -> None:
    made = job("j")
    add(made, "large", slots=4)
    add(made, "small", slots=1)
    assert assigned([made], [node("a", 4, used=2)]) == [("small", "a")]


def test_a_small_task_passes_a_large_one_for_which_only_a_barred_node_has_room() -> None:
    made = job("j")
    add(made, "large", slots=4)
    add(made, "small", slots=1)
    nodes = [node("a", 4), node("b", 4, used=3)]
    assert assigned([made], nodes, j={"a"}) == [("small", "b")]


def test_a_node_that_changed_since_it_was_offered_is_found_where_it_belongs_now() -> None:
    changed, other = node("a", 4), node("b", 2)
    shelf = Shelf([changed, other])
    changed.used = 1
    assert shelf.widest() == 3
    assert shelf.take(3, pack=True, barred=set()) is changed


USED = st.lists(st.integers(0, 4), min_size=1, max_size=5)


@given(before=USED, after=USED, barred=st.sets(st.integers(0, 4)), pack=st.booleans())
def test_what_the_widest_node_has_room_for_finds_a_node(
    before: list[int], after: list[int], barred: set[int], pack: bool
) -> None:
    nodes = [node(str(number), 4, used=used) for number, used in enumerate(before)]
    names = {str(number) for number in barred}
    for slots in range(1, 5):
        shelf = Shelf(nodes)
        for one, used in zip(nodes, after, strict=False):
            one.used = used
        if slots <= shelf.widest(names):
            found = shelf.take(slots, pack=pack, barred=names)
            assert found.free >= slots
            assert found.id not in names
        else:
            with pytest.raises(NoRoom):
                shelf.take(slots, pack=pack, barred=names)


def test_limits_bars_and_disabled_nodes_are_respected() -> None:
    made = job("j", maxParallelTasks=1)
    add(made, "one")
    add(made, "two")
    nodes = [node("a", 4), node("b", 4, scheduling="disabled"), node("c", 4, draining=True)]
    assert assigned([made], nodes, j={"a"}) == []
    assert assigned([made], nodes) == [("one", "a")]


def three_jobs(tasks: int) -> list[Job]:
    """Make one urgent job and two equal ones, each with so many tasks of its own name."""
    jobs = [job("u", priority=5), job("a"), job("b")]
    for one in jobs:
        for _ in range(tasks):
            add(one, f"{one.id}{len(one.order)}")
    return jobs


def test_jobs_of_equal_priority_take_turns_also_from_one_free_slot_to_the_next() -> None:
    names = [name for name, _ in assigned(three_jobs(2), [node("n", 6)])]
    assert names == ["u0", "u1", "a0", "b0", "a1", "b1"]
    jobs = three_jobs(2)
    single = [assigned(jobs, [node("n", 1)])[0][0] for _ in range(6)]
    assert single == names


def test_the_older_of_two_equal_jobs_goes_first_where_the_pool_says_so() -> None:
    names = ["u0", "u1", "a0", "a1", "b0", "b1"]
    assert [name for name, _ in assigned(three_jobs(2), [node("n", 6)], by_age=True)] == names
    jobs = three_jobs(2)
    assert [assigned(jobs, [node("n", 1)], by_age=True)[0][0] for _ in range(6)] == names


def test_a_turn_that_a_job_cannot_use_goes_to_the_next() -> None:
    jobs = three_jobs(0)
    add(jobs[1], "large", slots=4)
    add(jobs[1], "small")
    for name in ("b0", "b1", "b2"):
        add(jobs[2], name)
    assert assigned(jobs, [node("n", 3)]) == [("small", "n"), ("b0", "n"), ("b1", "n")]
    assert [name for name, _ in assigned(jobs, [node("m", 4)])] == ["large"]


def test_slots_are_never_overcommitted_whatever_comes() -> None:
    chance = random.Random(7)
    for _ in range(50):
        jobs = [job(f"j{n}") for n in range(3)]
        for number in range(30):
            add(chance.choice(jobs), f"t{number}", slots=chance.randint(1, 5))
        nodes = [node(f"n{n}", chance.randint(1, 8)) for n in range(4)]
        used: dict[str, int] = {}
        sizes = {task.id: task.slots for one in jobs for task in one.tasks.values()}
        for task, where in assigned(jobs, nodes, pack=chance.random() < 0.5):
            used[where] = used.get(where, 0) + sizes[task]
        assert all(used.get(one.id, 0) <= one.slots for one in nodes)


def test_dependents_come_free_one_by_one_and_again_after_a_restart() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "last", dependsOn={"taskIds": ["a"], "taskIdRanges": [{"start": 1, "end": 2}]})
    for name in ("a", "1", "2"):
        add(made, name)
    for name, freed in (("a", []), ("1", []), ("2", ["last"])):
        made.task(name).satisfied = True
        assert [task.id for task in made.dependencies.meet(name)] == freed
    restored = job("j", usesTaskDependencies=True)
    for task in made.tasks_from(0):
        restored.add(Task.restore(task.record()))
    assert restored.dependencies.is_free(restored.task("last"))


def satisfy(made: Job, name: str) -> list[str]:
    made.task(name).satisfied = True
    return [task.id for task in made.dependencies.meet(name)]


def test_a_long_range_waits_for_each_of_its_numbers_and_for_no_padded_one() -> None:
    made = job("j", usesTaskDependencies=True)
    for number in range(1, 2001):
        add(made, str(number))
    add(made, "007")
    assert satisfy(made, "1") == []
    spans = [{"start": 1, "end": 2000}]
    add(made, "last", dependsOn={"taskIds": ["007"], "taskIdRanges": spans})
    # Number 2 is satisfied, tried again and satisfied again: it counts once.
    assert [satisfy(made, str(number)) for number in (2, *range(2, 2001))] == [[]] * 2000
    assert satisfy(made, "007") == ["last"]


def test_a_range_of_a_billion_tasks_costs_nothing_and_holds_its_dependent() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "waits", dependsOn={"taskIdRanges": [{"start": 1, "end": 10**9}]})
    add(made, "1")
    assert satisfy(made, "1") == []
    assert not made.dependencies.is_free(made.task("waits"))
    made.remove(made.task("waits"))
    assert made.dependencies.held() == 0


def test_a_waiting_task_that_is_deleted_and_added_again_runs_in_its_new_life_alone() -> None:
    made = job("j", usesTaskDependencies=True)
    add(made, "first")
    add(made, "waits", dependsOn={"taskIds": ["first"]})
    made.remove(made.task("waits"))
    add(made, "waits", dependsOn={"taskIds": ["first"]})
    made.task("first").satisfied = True
    assert made.dependencies.meet("first") == [made.task("waits")]


def test_only_a_non_zero_exit_is_tried_again() -> None:
    assert shall_retry(process_ended(1), 0, 1)
    assert not shall_retry(process_ended(1), 1, 1)
    assert shall_retry(process_ended(1), 99, -1)
    assert not shall_retry(process_ended(0), 0, 5)
    assert not shall_retry(Ending(failure=Failure("BlobNotFound", ""), phase="before"), 0, 5)


def test_exit_conditions_decide_and_exit_codes_beat_upload_errors() -> None:
    conditions = {
        "exitCodes": [
            {"code": 3, "exitOptions": {"dependencyAction": "satisfy", "jobAction": "none"}}
        ],
        "fileUploadError": {"jobAction": "disable"},
        "default": {"jobAction": "terminate"},
    }
    upload_failed = Ending(3, Failure("FileUploadMiscError", ""), "after")
    assert consequences(conditions, upload_failed).satisfies
    assert consequences(conditions, Ending(0, Failure("x", ""), "after")).job_action == "disable"
    assert consequences(conditions, process_ended(9)).job_action == "terminate"
    assert consequences(None, process_ended(0)).satisfies


def test_patterns_match_as_documented(tmp_path: Path) -> None:
    wd = tmp_path / "wd"
    (wd / "d" / "e").mkdir(parents=True)
    for name in (
        "a.txt",
        ".a.txt",
        "b[1].txt",
        "d/c.txt",
        "d/e/f.txt",
        "../stdout.txt",
        "../stderr.txt",
    ):
        (wd / name).write_text("")

    def found(pattern: str) -> list[str]:
        return sorted(below for _, below in matches(pattern, wd))

    assert found("*.txt") == ["a.txt", "b[1].txt"]
    assert found("**/*.txt") == ["a.txt", "b[1].txt", "d/c.txt", "d/e/f.txt"]
    assert found("d/*.txt") == ["c.txt"]
    assert found(".*.txt") == [".a.txt"]
    assert found("b[[]1].txt") == ["b[1].txt"]
    assert found("[!b]*.txt") == ["a.txt"]
    assert found("../std*.txt") == ["stderr.txt", "stdout.txt"]
    assert found("none/x.txt") == []


def test_all_operations_have_a_route_and_paths_stay_encoded_until_matched() -> None:
    assert len(ROUTES) == len({route.operation for route in ROUTES}) == 72
    route, params = RouteTable().find("GET", "/jobs/a%3Ajob-1/tasks/t/files/wd%2Fx%20y.txt")
    assert (route.operation, params["jobId"], params["filePath"]) == (
        "download_task_file",
        "a:job-1",
        "wd/x y.txt",
    )
    assert RouteTable().find("GET", "/jobs/a/tasks/t/files")[0].operation == "list_task_files"
    for method, path, code in (
        ("GET", "/nothing", "InvalidUri"),
        ("PATCH", "/nodecounts", "UnsupportedHttpVerb"),
    ):
        with pytest.raises(BatchError) as error:
            RouteTable().find(method, path)
        assert error.value.code == code


def test_the_coverage_page_is_up_to_date() -> None:
    written = (coverage.HERE / "COVERAGE.md").read_text()
    assert written == coverage.page(), "run python -m emulators.batch.coverage"


def test_the_routes_are_the_operations_of_the_sdk() -> None:
    own = {"close", "create_tasks", "send_request"}
    methods = {name for name in dir(BatchClient) if not name.startswith("_")} - own
    assert {route.operation for route in ROUTES} == methods
    assert set(CONTRACTS) <= methods


def test_ranges_are_cut_to_the_file() -> None:
    assert wanted_range("", 10) == (0, 10)
    assert wanted_range("bytes=2-", 10) == (2, 10)
    assert wanted_range("bytes=2-99", 10) == (2, 10)
    assert wanted_range("bytes=-3", 10) == (7, 10)
    with pytest.raises(BatchError):
        wanted_range("bytes=10-", 10)


def test_what_a_job_has_set_aside_is_there_again_when_another_takes_the_last_place() -> None:
    jobs = three_jobs(0)
    gang = add(jobs[1], "gang")
    gang.instances = 2
    for made, name in ((jobs[1], "a0"), (jobs[2], "b0")):
        add(made, name)
    assert assigned(jobs, [node("n", 2)]) == [("a0", "n"), ("b0", "n")]
    assert jobs[1].ready.pop(1) is gang
