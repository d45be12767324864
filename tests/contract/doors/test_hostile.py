"""An app that answers with anything at all: no token goes astray, and no error is a traceback."""

import json

import pytest

from pipeline.cli.doors.door import Wanted
from pipeline.domain.texts.visible import visible
from pipeline.errors import Conflict, FanfareError, Permanent, Transient
from tests.contract.doors.strangers import (
    AT,
    ESCAPE,
    RUN,
    TOKEN,
    answering,
    calls,
    door,
    standing,
    view,
)


def test_every_request_of_a_door_has_its_credential():
    with answering(200, json.dumps(view()).encode()) as (url, asked):
        assert door(url).find(RUN).id == RUN
    assert asked == [(f"/api/runs/{RUN}", TOKEN)]


@pytest.mark.parametrize(
    "run", ["/tmp/victim", "../job", "job", "job-1", f"{RUN}/..", f"{RUN}\n", "", ESCAPE]
)
def test_an_id_that_no_run_can_have_is_refused(run):
    found = view(run)
    content = json.dumps(found | standing() | {"run": found, "runs": [found]}).encode()
    with answering(200, content) as (url, _):
        for ask in (
            lambda: door(url).find(run or "a"),
            lambda: door(url).latest(None, 1),
            lambda: door(url).standing(run),
            lambda: door(url).cancel(run),
            lambda: door(url).redrive(run),
            lambda: door(url).start(Wanted("job"), lambda _: None),
        ):
            with pytest.raises(Permanent, match="check the address") as raised:
                ask()
            assert "\x1b" not in str(raised.value)


def test_the_pipeline_of_a_run_is_the_one_of_its_id():
    with (
        answering(200, json.dumps(view(pipeline="other")).encode()) as (url, _),
        pytest.raises(Permanent, match="check the address"),
    ):
        door(url).find(RUN)


def test_another_run_than_was_asked_for_is_refused():
    with answering(200, json.dumps(view() | standing()).encode()) as (url, _):
        other = RUN.replace("0", "f")
        for ask in (door(url).find, door(url).standing, door(url).cancel, door(url).redrive):
            assert ask(RUN)
            with pytest.raises(Permanent, match=f"{RUN} where {other} was asked for"):
                ask(other)


def test_texts_of_runs_are_spelt_out():
    found = standing(currency=ESCAPE, error=ESCAPE, why=ESCAPE)
    listed = {"runs": [view(cause=None, currency=ESCAPE)], "unreadable": [ESCAPE]}
    with answering(200, json.dumps(found | listed).encode()) as (url, _):
        shown, runs = door(url).standing(RUN), door(url).latest(None, 1)
    texts = (shown.run.currency, shown.run.error, shown.run.why, shown.remedy)
    assert {*texts, runs.runs[0].currency, *runs.unreadable} == {visible(ESCAPE)}


def test_an_app_that_knows_no_active_runs_lists_them_all_and_only_they_are_taken():
    ended = view(state="succeeded", ended_at=AT)
    with answering(200, json.dumps({"runs": [ended, view()]}).encode()) as (url, _):
        assert [run.state for run in door(url).latest(None, 5, active=True).runs] == ["running"]
        assert len(door(url).latest(None, 5).runs) == 2


def test_a_longer_list_than_an_older_app_gives_is_cut_with_a_note():
    notes: list[str] = []
    with answering(200, json.dumps({"runs": [view()] * 200}).encode()) as (url, asked):
        assert len(door(url, notes).latest(None, 200).runs) == 200
        assert notes == []
        assert len(door(url, notes).latest(None, 201).runs) == 200
    assert [path for path, _ in asked] == ["/api/runs?limit=200"] * 2
    assert "at most 200" in notes[0]


def test_a_list_that_never_ends_is_read_until_there_is_enough():
    answer = {"runs": [view()] * 90, "unreadable": ["a row"], "next": "1"}
    with answering(200, json.dumps(answer).encode()) as (url, asked):
        found = door(url).latest(None, 250)
    assert (len(found.runs), found.unreadable) == (250, ["a row"])
    assert [path for path, _ in asked] == [
        "/api/runs?limit=200",
        "/api/runs?limit=160&after=1",
        "/api/runs?limit=70&after=1",
    ]


def test_a_list_that_goes_on_and_has_nothing_ends():
    with answering(200, b'{"runs": [], "next": "1"}') as (url, asked):
        assert door(url).latest(None, 250).runs == []
    assert len(asked) == 1


def test_a_redirect_is_not_followed_so_that_the_token_goes_nowhere_else():
    with answering(200, b"{}") as (other, heard):
        for status in (301, 302, 303, 307, 308):
            with answering(status, Location=other) as (url, asked):
                with pytest.raises(FanfareError):
                    door(url).latest(None, 1)
                assert asked[0][1] == TOKEN
        assert heard == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"runs": 1}',
        b'{"runs": [1]}',
        b'{"runs": [{"id": "a", "created_at": "x"}]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_an_answer_that_is_no_fanfare_is_one_clear_error(content):
    with answering(200, content) as (url, _):
        asks = (
            lambda: door(url).latest(None, 1),
            lambda: door(url).find("a-1"),
            lambda: door(url).standing("a-1"),
            lambda: door(url).cancel("a-1"),
            lambda: door(url).start(Wanted("job"), lambda _: None),
        )
        for ask in asks:
            with pytest.raises(Permanent, match="check the address"):
                ask()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Permanent), (404, Permanent), (409, Conflict), (418, Permanent), (429, Transient),
     (500, Transient), (502, Transient), (503, Transient)],
)  # fmt: skip
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "127.0.0.1"),
        (b"no", "127.0.0.1"),
        (b'{"error": {"a": 1}}', "127.0.0.1"),
        (b'{"error": "told"}', "told"),
    ],
)
def test_a_refusal_says_whether_repeating_helps(status, kind, content, words):
    with answering(status, content) as (url, _), pytest.raises(kind, match=words) as raised:
        door(url).cancel(RUN)
    passes = isinstance(raised.value, Transient) and not isinstance(raised.value, Conflict)
    assert ("repeat the command" in str(raised.value)) == passes


def test_a_route_that_is_not_there_may_be_younger_than_the_app():
    with (
        answering(404) as (url, _),
        pytest.raises(Permanent, match="of an older release: deploy, or give --direct"),
    ):
        door(url).standing(RUN)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 503])
def test_words_of_an_app_cannot_drive_the_terminal(status):
    said = json.dumps({"error": ESCAPE + "x" * 5000}).encode()
    with answering(status, said) as (url, _), pytest.raises(FanfareError, match="owned") as raised:
        door(url).cancel(RUN)
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:8080/a", "https://localhost/a", "http://[::1]"]
)
def test_an_app_elsewhere_leads_to_no_service_of_this_machine(place):
    far = calls("https://app.example.org")
    for ask in (
        lambda: far.read(place),
        lambda: list(far.stream(place, 0)),
        lambda: far.put(place, [b"secret"], 6),
    ):
        with pytest.raises(Permanent, match="check the address"):
            ask()


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/a",
        "http://example.org/a",
        "data:,a",
        "x",
        "https://[::",
        "https://",
        "http://127.0.0.1:0/a",
        "http://127.0.0.1:x/a",
        "http://127.0.0.1:1/\u00e9",
        "http://127.0.0.1:1/a b",
        "http://[",
    ],
)
def test_an_app_chooses_no_other_kind_of_address_for_files(tmp_path, place):
    file = tmp_path / "a.txt"
    file.write_bytes(b"secret")
    body = {"uploaded": False, "url": place, "input": {"container": "work", "name": "a"}}
    with answering(200, json.dumps(body).encode()) as (url, _):
        with pytest.raises(Permanent, match="check the address"):
            door(url).start(Wanted("job", {}, file), lambda _: None)
        with pytest.raises(Permanent, match="check the address"):
            calls(url).read(place)


def test_nobody_there_is_told_without_what_may_be_secret():
    with pytest.raises(Transient, match="no answer") as raised:
        calls("http://127.0.0.1:1").read("http://127.0.0.1:1/a?sig=s3cret")
    assert "s3cret" not in str(raised.value)


def test_a_file_that_goes_on_from_its_middle_is_not_taken_from_its_beginning():
    with (
        answering(200, b"whole") as (url, _),
        pytest.raises(Permanent, match="a part of the file"),
    ):
        list(calls(url).stream(f"{url}/a", 3))


@pytest.mark.parametrize("more", [True, False])
def test_whether_there_are_more_logs_is_not_lost(more):
    one = {"unit": ESCAPE, "name": "l-0.txt", "text": "a", "cut": True}
    with answering(200, json.dumps({**view(), "logs": [one], "more": more}).encode()) as (url, _):
        asked = door(url)
        found = asked.logs(asked.find(RUN), "t000000")
    assert found.more is more and [log.cut for log in found.found] == [True]
