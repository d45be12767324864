"""A blob service that answers as a test says, and a task whose files it has."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from task_scripts.runtime.files import runner_fetch
from tests.loopback import Handler, listening
from tests.node.conftest import Node
from tests.patience import stretched

SECRET = "c2lnbmF0dXJl%2BL3Rlc3Q%3D"  # as a URL spells it
PLAIN = "c2lnbmF0dXJl+L3Rlc3Q="
CONTENT = bytes(range(256)) * 4096  # 1 MiB

type Answer = Callable[[Handler], object]


class Storage:
    """A blob service that answers as a test says: by path, once for each request, then well."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.blobs: dict[str, bytes] = {}
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.asked: list[tuple[str, str | None, str | None]] = []

    def answer(self, request: Handler) -> None:
        path = request.path.partition("?")[0]
        headers = request.headers
        self.asked.append((path, headers["Range"], headers["If-Match"]))
        if self.script[path]:
            self.script[path].pop(0)(request)
        elif headers["If-Match"] not in (None, '"v1"'):
            says(412, "ConditionNotMet")(request)
        else:
            self.serve(request, path, headers["Range"])

    def serve(self, request: Handler, path: str, wanted: str | None) -> None:
        whole = self.blobs[path]
        first, _, last = (wanted or "bytes=0-").removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(whole)) + 1, len(whole))
        request.send_response(206 if wanted else 200)
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(whole)}")
        request.send_header("ETag", '"v1"')
        request.send_header("Content-Length", str(stop - start))
        request.end_headers()
        request.wfile.write(whole[start:stop])

    def entry(self, path: str, content: bytes = b"x", size: int | None = None) -> dict[str, object]:
        """Keep a blob, and return the line of the list that names it."""
        name = f"/fanfare/parts/{len(self.blobs)}"
        self.blobs[name] = content
        url = f"{self.url}{name}?se=2026&sig={SECRET}"
        return {"path": path, "url": url, "size": len(content) if size is None else size}


def says(status: int, code: str, *headers: tuple[str, str], more: str = "") -> Answer:
    def answer(request: Handler) -> None:
        body = f"<?xml?><Error><Code>{code}</Code><Message>Told.\nId</Message>{more}</Error>"
        request.send_response(status)
        for header in (*headers, ("Content-Length", str(len(body)))):
            request.send_header(*header)
        request.end_headers()
        request.wfile.write(body.encode())

    return answer


def cut_off_part(span: tuple[int, int], sent: int) -> Answer:
    """Begin an answer with a range, and end the connection in its middle."""

    def answer(request: Handler) -> None:
        start, stop = span
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(CONTENT)}")
        request.send_header("ETag", '"v1"')
        request.send_header("Content-Length", str(stop - start))
        request.end_headers()
        request.wfile.write(CONTENT[start : start + sent])
        request.close_connection = True

    return answer


def cut_off(sent: bytes, *, etag: str = '"v1"', told: int | None = len(CONTENT)) -> Answer:
    """Begin an answer, and end the connection in its middle."""

    def answer(request: Handler) -> None:
        request.send_response(200)
        request.send_header("ETag", etag)
        if told is not None:
            request.send_header("Content-Length", str(told))
        request.end_headers()
        request.wfile.write(sent)
        request.close_connection = True

    return answer


def hang_up(request: Handler) -> None:
    request.close_connection = True


@pytest.fixture
def storage() -> Iterator[Storage]:
    class Serving(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.answer(self)

    with listening(Serving) as url:
        made = Storage(url)
        yield made


def given(node: Node, storage: Storage, *entries: object) -> Node:
    """Give a task a list as Batch brings it."""
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    (node.folder / "files.jsonl").write_text("".join(f"{line}\n" for line in lines))
    node.environ |= {"FANFARE_FILES": "files.jsonl", "FANFARE_STORAGE": storage.url}
    return node.sh("exit 0")


def refused(node: Node) -> str:
    """Run a task whose files cannot be fetched; return what its runner says."""
    with node.start() as runner:
        _, errors = runner.communicate(timeout=stretched(60))
    assert runner.returncode == runner_fetch.EXIT_CODE
    left = {path.name for path in node.folder.iterdir() if path.is_file()}
    assert left == {"page.json"}  # no list, no receipt, no journal
    said = errors.decode()
    assert said.startswith("Not fetched: ")
    assert said.count("\n") == 1
    assert not any(secret in said for secret in (SECRET, PLAIN))
    return said
