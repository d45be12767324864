"""The program that asks a node: each question gets an answer, and none gives a signature away."""

import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline.cli.smoking import on_node

SIGNED = "sig=SECRET"


class Storage(BaseHTTPRequestHandler):
    """Takes each blob once, and keeps what it got."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        there = self.server.taken
        name = self.path.partition("?")[0]
        if name in there:
            self._answer(409, "UnauthorizedBlobOverwrite")
            return
        if "comp=block&" not in self.path:
            there.add(name)
        self._answer(201)

    def do_GET(self) -> None:
        self._answer(200 if SIGNED in self.path else 403, "AuthorizationFailure")

    def _answer(self, status: int, code: str = "") -> None:
        self.send_response(status)
        self.send_header("x-ms-error-code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Storage)
    server.taken = set()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Run the program in the folder of a task."""
    here = tmp_path / "node/workitems/job/wd"
    here.mkdir(parents=True)
    (tmp_path / "node/volatile").mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("AZ_BATCH_NODE_ROOT_DIR", str(tmp_path / "node"))

    def asked(base: str) -> dict[str, str]:
        orders = {
            "small": f"{base}/small?{SIGNED}",
            "large": {"url": f"{base}/large?{SIGNED}", "count": 2, "bytes": 1 << 20},
            "snapshot": f"{base}/pinned?snapshot=1&{SIGNED}",
            "unsigned": f"{base}/pinned?snapshot=1",
        }
        with zipfile.ZipFile(tmp_path / "ask.pyz", "w") as archive:
            archive.writestr("orders.json", json.dumps(orders))
        assert on_node.main([str(tmp_path / "ask.pyz"), str(tmp_path)]) == 0
        return json.loads((tmp_path / "answers.json").read_text())

    return asked


def test_the_words_of_the_service_are_the_answer(ask, storage):
    found = ask(storage)
    assert found["sp=c, a program creates a blob of 1 MB"] == "201 Created"
    assert found["sp=c, a program writes over that blob"] == "409 UnauthorizedBlobOverwrite"
    assert found["sp=c, a program uploads in blocks"] == "2 blocks of 1 MiB: 201 Created"
    assert "409 UnauthorizedBlobOverwrite" in found["sp=c, a program commits blocks over that blob"]
    assert found["a snapshot by a signed URL"] == "200 OK"
    assert found["the same without a signature"] == "403 AuthorizationFailure"


def test_folders_users_and_separation_are_told(ask, storage):
    found = ask(storage)
    folders = found["modes of the node's folders"]
    assert "workitems/job/wd d" in folders and "volatile d" in folders
    assert found["users of task and agent"].startswith("this task: ")
    assert "bwrap: " in found["separation of programs"]


def test_a_storage_that_does_not_answer_is_an_answer_without_the_signature(ask):
    found = ask("http://127.0.0.1:9")
    assert found["a snapshot by a signed URL"].startswith("URLError: ")
    assert "SECRET" not in json.dumps(found)
