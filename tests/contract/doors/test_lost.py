"""Answers that are lost, break off or lead nowhere: nothing is done twice or taken for whole."""

import json

import pytest

from pipeline.cli.doors.door import Wanted
from pipeline.cli.exits import CommandError, Exit
from pipeline.errors import Conflict, Permanent, Transient
from tests.contract.doors.strangers import (
    AT,
    RUN,
    answering,
    calls,
    door,
    dropping,
    view,
    whole,
)


def test_an_app_that_cannot_serve_until_somebody_mends_it_is_not_asked_again():
    said = b'{"error": "setting X is missing", "retry": false}'
    with answering(500, said) as (url, asked), pytest.raises(Permanent, match="X is missing"):
        door(url).start(Wanted("job"), lambda _: None)
    assert len(asked) == 1


CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + b'{"runs": ['
BROKEN = [
    b"",
    CUT,
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n500\r\n" + b'{"runs": [',
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"\x1b]0;owned\x07 garbage\r\n\r\n",
]


@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_breaks_off_may_pass(answer):
    with dropping(answer, answer, answer) as (url, _):
        for ask in (
            lambda: door(url).latest(None, 1),
            lambda: calls(url).read(f"{url}/a"),
            lambda: list(calls(url).stream(f"{url}/a", 0)),
        ):
            with pytest.raises(Transient, match="no answer") as raised:
                ask()
            assert "\x1b" not in str(raised.value)


def test_an_answer_without_a_length_ends_with_the_connection():
    with dropping(b"HTTP/1.1 200 OK\r\n\r\nall") as (url, _):
        assert calls(url).read(f"{url}/a") == ("", b"all")


def test_a_start_whose_answer_is_lost_is_repeated_with_its_key():
    with dropping(b"", CUT, whole(view())) as (url, heard):
        assert door(url).start(Wanted("job"), lambda _: None) == RUN
    assert len(heard) == 3
    assert len({json.loads(body)["idempotency_key"] for body in heard}) == 1


def test_a_redrive_whose_answer_is_lost_is_repeated_for_the_same_generation():
    before, after = view(state="failed", ended_at=AT), view(generation=2)
    with dropping(whole(before), b"", CUT, whole(after)) as (url, heard):
        assert door(url).redrive(RUN).generation == 2
    assert len(heard) == 4


def test_a_redrive_that_is_never_answered_tells_how_to_see_whether_it_began():
    before = whole(view(state="failed", ended_at=AT))
    with dropping(before, b"", b"", b"") as (url, _), pytest.raises(Transient) as raised:
        door(url).redrive(RUN)
    assert f"Generation 2 may have begun: `fanfare show {RUN}`" in str(raised.value)


def test_a_start_that_is_never_answered_tells_the_key_that_starts_no_second_run():
    with dropping(b"", b"", b"") as (url, heard), pytest.raises(Transient) as raised:
        door(url).start(Wanted("job"), lambda _: None)
    assert f"--key {json.loads(heard[0])['idempotency_key']}" in str(raised.value)


@pytest.mark.parametrize(
    ("garbage", "code"),
    [(b"HTTP/1.1 200 OK\r\n\r\n<html>", Exit.UNREACHABLE), (whole({"id": 3}), Exit.FAILED)],
)
def test_a_start_that_is_answered_with_garbage_tells_the_key_too(garbage, code):
    with dropping(garbage) as (url, heard), pytest.raises(CommandError) as raised:
        door(url).start(Wanted("job"), lambda _: None)
    assert f"--key {json.loads(heard[0])['idempotency_key']}" in str(raised.value)
    assert raised.value.code == code


def test_a_redrive_that_is_answered_with_garbage_tells_how_to_see_whether_it_began():
    before = whole(view(state="failed", ended_at=AT))
    with dropping(before, whole({"id": 3})) as (url, _), pytest.raises(CommandError) as raised:
        door(url).redrive(RUN)
    assert f"Generation 2 may have begun: `fanfare show {RUN}`" in str(raised.value)


def test_a_conflict_is_told_at_once():
    conflict = whole({"error": "another request had this key", "retry": False}, "409 Conflict")
    with dropping(conflict) as (url, heard), pytest.raises(Conflict, match="had this key"):
        door(url).start(Wanted("job"), lambda _: None)
    assert len(heard) == 1


@pytest.mark.parametrize("refusal", ["403 Forbidden", "409 Conflict", ""])
def test_a_file_that_another_process_brings_meanwhile_is_taken(tmp_path, refusal):
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\n")
    place = {"input": {"container": "work", "name": "a"}}
    answers: list[bytes] = []
    with dropping(later=answers) as (url, heard):
        answers += [
            whole({**place, "uploaded": False, "url": f"{url}/put?sig=s"}),
            whole({}, refusal) if refusal else b"",
            whole({**place, "uploaded": True, "url": ""}),
            whole(view()),
        ]
        assert door(url).start(Wanted("job", {}, file), lambda _: None) == RUN
    assert heard[1] == b"one\n"
    assert json.loads(heard[3])["input"] == place["input"]


def test_storage_out_of_reach_hides_the_files_and_not_the_run():
    notes: list[str] = []
    output = {"manifest": "m", "manifest_etag": "e", "bytes": 3, "files": 1, "parts": 1}
    page = {"generation": 1, "total": 1, "files": [], "manifest": "http://127.0.0.1:1/m?sig=s3"}
    ended = view(state="succeeded", ended_at=AT, output=output)
    with answering(200, json.dumps({**ended, **page}).encode()) as (url, _):
        asked = door(url, notes)
        assert asked.manifest(asked.find(RUN)) is None
    (note,) = notes
    assert "cannot be listed" in note and "s3" not in note


@pytest.mark.parametrize("place", ["http://[", "http://127.0.0.1:x/", "\u00e9"])
def test_a_redirect_to_no_address_is_one_clear_error(place):
    answer = f"HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n"
    with (
        dropping(answer.encode("latin-1")) as (url, _),
        pytest.raises(Permanent, match="check the address"),
    ):
        door(url).latest(None, 1)
