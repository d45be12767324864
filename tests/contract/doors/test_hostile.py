"""An app that answers with anything at all: no token goes astray, and no error is a traceback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.cli.doors import calls
from pipeline.cli.doors.address import Address
from pipeline.cli.doors.calls import Calls
from pipeline.cli.doors.door import Wanted
from pipeline.cli.doors.remote import RemoteDoor
from pipeline.errors import FanfareError, Permanent, Transient

TOKEN = "Bearer s3cret"


@contextmanager
def answering(status: int, content: bytes = b"", **headers: str) -> Iterator[tuple[str, list]]:
    """Answer everything in one way; note what was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("authorization")))
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content_length" not in headers:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def door(url: str) -> RemoteDoor:
    return RemoteDoor(Calls(Address(url, key="k"), lambda: {"authorization": TOKEN}))


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
    [(400, Permanent), (404, Permanent), (418, Permanent), (429, Transient), (500, Permanent),
     (502, Transient), (503, Transient)],
)  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"no", b'{"error": {"a": 1}}', b'{"error": "told"}'])
def test_a_refusal_says_whether_repeating_helps(status, kind, content):
    with answering(status, content) as (url, _), pytest.raises(kind) as raised:
        door(url).cancel("a-1")
    assert "told" in str(raised.value) or "told" not in content.decode()


def test_words_of_an_app_cannot_drive_the_terminal():
    said = json.dumps({"error": "\x1b]0;owned\x07" + "x" * 5000}).encode()
    with answering(400, said) as (url, _), pytest.raises(Permanent) as raised:
        door(url).cancel("a-1")
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 1000


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
            calls.read(place)


def test_nobody_there_is_told_without_what_may_be_secret():
    with pytest.raises(Transient, match="no answer") as raised:
        calls.read("http://127.0.0.1:1/a?sig=s3cret")
    assert "s3cret" not in str(raised.value)


def test_a_file_that_goes_on_from_its_middle_is_not_taken_from_its_beginning():
    with (
        answering(200, b"whole") as (url, _),
        pytest.raises(Permanent, match="a part of the file"),
    ):
        list(calls.stream(f"{url}/a", 3))


def test_an_answer_that_breaks_off_may_pass():
    with answering(200, b"half", content_length="x") as (url, _):
        assert b"".join(calls.stream(f"{url}/a", 0)) == b"half"  # without a length its end is one
