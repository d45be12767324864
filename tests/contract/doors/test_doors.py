"""What commands ask of a target, directly and over HTTP: both ways answer the same."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.cli.doors import remote as over_http
from pipeline.cli.doors.address import Address
from pipeline.cli.doors.calls import Calls, Refused
from pipeline.cli.doors.direct import DirectDoor
from pipeline.cli.doors.door import Door, Wanted
from pipeline.cli.doors.remote import RemoteDoor
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Manifest
from pipeline.errors import Conflict, NotFound, Permanent
from pipeline.handlers.doors import http
from tests.contract.doors.served import CALLER, served
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.fakes.node import Failure

LINES = """
trigger: {blob: {container: input, prefix: lines/}, http: true}
split: {lines: {}}
task: {program: work.py, arguments: ["{input}", "{line}", "{output}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""
ABSENT = "job-00000000000000000000"


def program(item):
    if item.parameters["line"] == "bad":
        return Failure(tail="no such strike\n" * 100)
    return [("part.txt", f"{item.parameters['line']}\n".encode())]


@pytest.fixture
def app() -> FakeApp:
    return FakeApp.of(written((("job", LINES),)), program=program)


def remote(url: str, key: str = "operator") -> RemoteDoor:
    return RemoteDoor(Calls(Address(url, key=key), lambda: {"x-functions-key": key}))


@pytest.fixture
def url(app) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def direct(app) -> DirectDoor:
    return DirectDoor(app.engine, lambda: app.engine.asked_by(CALLER))


@pytest.fixture(params=["direct", "remote"])
def door(request, direct, url) -> Door:
    return direct if request.param == "direct" else remote(url)


def wanted(tmp_path, content=b"one\ntwo\n", **more) -> Wanted:
    file = tmp_path / "in put ü.txt"
    file.write_bytes(content)
    return Wanted("job", {}, file, **more)


def ended(app, door, tmp_path, content=b"one\ntwo\n") -> str:
    run = door.start(wanted(tmp_path, content), lambda _: None)
    app.settle()
    return run


def test_a_file_becomes_the_input_of_a_run_of_its_caller(app, door, tmp_path):
    sent = []
    run = door.start(wanted(tmp_path), sent.append)
    found = app.only_run()
    assert (found.id, sum(sent)) == (run, 8)
    assert found.input.name.endswith("in put ü.txt")
    assert found.by == CALLER


def test_the_same_key_starts_one_run(door, tmp_path):
    ask = wanted(tmp_path, key="order 7")
    assert door.start(ask, lambda _: None) == door.start(ask, lambda _: None)


def test_over_http_a_key_belongs_to_one_file(url, tmp_path):
    door = remote(url)
    door.start(wanted(tmp_path, key="order 7"), lambda _: None)
    with pytest.raises(Conflict):
        door.start(wanted(tmp_path, b"other\n", key="order 7"), lambda _: None)


def test_a_run_is_found_by_its_id_or_the_beginning_of_it(app, door, tmp_path):
    run = ended(app, door, tmp_path)
    assert door.find(run).id == run
    assert door.find(ABSENT) is door.find(run[:-1]) is None
    assert (door.beginning(run[:-4]), door.beginning("x")) == ([run], [])


def test_runs_are_listed_the_latest_first_or_only_active_ones(app, door, tmp_path):
    over = ended(app, door, tmp_path)
    app.world.clock.advance(seconds=5)
    goes = door.start(wanted(tmp_path, b"three\n"), lambda _: None)
    assert [run.id for run in door.latest(None, 10).runs] == [goes, over]
    assert [run.id for run in door.latest("job", 1).runs] == [goes]
    assert [run.id for run in door.latest(None, 10, active=True).runs] == [goes]
    with pytest.raises(NotFound, match="did you mean 'job'"):
        door.latest("jab", 10)


def test_a_list_is_as_long_as_it_is_asked_for(app, door, monkeypatch):
    for module in (http, over_http):
        monkeypatch.setattr(module, "MAX_LISTED", 3)
    for number in range(8):
        app.upload(f"lines/{number}.txt", b"one\n")
        if number % 3:
            app.world.clock.advance(seconds=1)  # some begin at the same time
        app.pump()
    app.settle()
    everything = [run.id for run in door.latest(None, 100).runs]
    assert sorted(everything) == sorted(run.id for run in app.all_runs())
    created = [run.created_at for run in door.latest("job", 100).runs]
    assert created == sorted(created, reverse=True)
    for limit in range(1, 9):
        assert [run.id for run in door.latest("job", limit).runs] == everything[:limit]


def test_a_listed_run_has_what_a_list_shows(app, door, direct, tmp_path):
    ended(app, door, tmp_path)
    (listed,), (whole,) = door.latest(None, 1).runs, direct.latest(None, 1).runs
    shown = http.summary(whole)
    del shown["by"]  # derived from the history, which lists leave out
    assert {name: http.summary(listed)[name] for name in shown} == shown


@pytest.mark.parametrize("steps", [0, 1, 100])
def test_a_run_and_how_it_stands_are_the_same_both_ways(app, direct, url, tmp_path, steps):
    run = direct.start(wanted(tmp_path, b"one\nbad\n"), lambda _: None)
    for _ in range(steps):
        app.pump()
    if steps > 1:
        app.settle()
    here, there = direct.standing(run), remote(url).standing(run)
    assert http.view(there.run, there.obstacle) == http.view(here.run, here.obstacle)
    assert replace(there, run=here.run) == here


def test_failed_items_have_the_end_of_what_they_printed(app, door, tmp_path):
    run = door.find(ended(app, door, tmp_path, b"one\nbad\n"))
    (found,) = door.failed(run, 5)
    assert (found.item.id, found.item.cause, found.unit) == (1, "program-failed", "t000001")
    assert found.item.tail.strip().endswith("no such strike")
    assert door.failed(run, 0) == []


def test_a_run_is_cancelled_and_redriven_once_it_is_over(app, door, tmp_path):
    run = door.start(wanted(tmp_path), lambda _: None)
    with pytest.raises(Conflict):
        door.redrive(run)
    door.cancel(run)
    app.settle()
    assert door.find(run).state is State.CANCELLED
    assert door.redrive(run).generation == 2
    app.settle()
    with pytest.raises(Conflict):
        door.cancel(run)
    for ask in (door.cancel, door.redrive, door.standing):
        with pytest.raises(NotFound):
            ask(ABSENT)


def test_an_output_is_read_from_any_place_on(app, door, tmp_path):
    run = door.find(ended(app, door, tmp_path))
    outputs = door.outputs(run)
    etag, content = outputs.manifest()
    assert etag == run.output.manifest_etag
    assert [file.name for file in door.manifest(run).files] == ["all.txt"]
    assert Manifest.model_validate_json(content) == door.manifest(run)
    assert b"".join(outputs.stream("all.txt", 0)) == b"one\ntwo\n"
    assert b"".join(outputs.stream("all.txt", 4)) == b"two\n"
    with pytest.raises(NotFound):
        list(outputs.stream("absent.txt", 0))
    app.world.blobs.delete(run.names.manifest)
    assert (door.outputs(run).manifest(), door.manifest(run)) == (None, None)


def test_logs_are_of_one_unit_or_of_all(app, door, tmp_path):
    run = door.find(ended(app, door, tmp_path, b"one\nbad\n"))
    assert {log.unit for log in door.logs(run, "").found} == {"t000000", "t000001"}
    assert {log.unit for log in door.logs(run, "t000001").found} == {"t000001"}
    assert not list(door.logs(run, "assemble").found)


def test_a_pipeline_or_a_parameter_that_does_not_exist_is_refused(door):
    with pytest.raises(Permanent, match="jab"):
        door.start(Wanted("jab"), lambda _: None)
    with pytest.raises(Permanent, match="strike"):
        door.start(Wanted("job", {"strike": "1"}), lambda _: None)


def test_a_reader_looks_and_does_nothing_else(app, url, direct, tmp_path):
    run = ended(app, direct, tmp_path, b"one\nbad\n")
    reader = remote(url, "reader")
    found = reader.find(run)
    assert reader.standing(run).run.id == reader.latest(None, 1).runs[0].id == run
    assert reader.failed(found, 1)
    assert reader.manifest(found) is None
    for ask in (
        lambda: reader.cancel(run),
        lambda: reader.redrive(run),
        lambda: reader.start(Wanted("job"), lambda _: None),
        lambda: reader.logs(found, ""),
    ):
        with pytest.raises(Refused, match="app role Operator"):
            ask()


def test_a_wrong_key_is_told(url):
    with pytest.raises(Refused, match="401"):
        remote(url, "wrong").latest(None, 1)
