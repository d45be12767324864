"""A node in memory: fetches a task's files, runs a function in place of each program, uploads.

It keeps the task contract as the real runner and Batch do: the page, the tries, flat names of
outputs, and the receipt last.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import cast

from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import NotFound
from pipeline.ports.batch import TaskSpec, Upload
from tests.fakes.batch import Outcome
from tests.fakes.blobs import FakeBlobs
from tests.fakes.clock import FakeClock

type Files = dict[str, bytes]
type Json = dict[str, object]


@dataclass(frozen=True)
class Failure:
    """What a program function returns instead of outputs when the item fails."""

    cause: str = "program-failed"
    tail: str = "it went wrong"
    exit_code: int | None = 1
    memory: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Item:
    """The item as a program function gets it."""

    id: int
    parameters: Mapping[str, object]
    inputs: Sequence[str]
    files: Mapping[str, bytes]
    page: Json
    attempt: str
    tried: int = 1
    spans: Sequence[tuple[int, int]] = ()

    def content(self) -> bytes:
        """Return the bytes of the item's first input."""
        return self.files[self.inputs[0]]

    def part(self) -> bytes:
        """Return the item's part of the input, in UTF-8 if it is a text."""
        cut = cast("dict[str, str]", self.page["cut"])
        whole = self.content()
        if cut["encoding"] != "utf-8":
            whole = whole.decode(cut["encoding"]).removeprefix("\ufeff").encode()
        return b"".join(whole[start:end] for start, end in self.spans)

    def json(self, file: str) -> object:
        """Return the parsed content of a JSON file beside the task."""
        return json.loads(self.files[file])


type Outputs = Sequence[tuple[str, bytes]]
type Program = Callable[[Item], Outputs | Failure]


@dataclass
class FakeNode:
    """Executes task specs; `loses` names the local files whose upload fails.

    `device` is what receipts of tasks that ask for a GPU name.

    With `killed_after` all processes of a task are killed after so many items.
    """

    blobs: FakeBlobs
    clock: FakeClock
    program: Program
    loses: Callable[[str], bool] = field(default=lambda _: False)
    backwards: bool = False
    exit_code: int = 0
    killed_after: int | None = None
    device: Mapping[str, object] | None = None

    def __call__(self, spec: TaskSpec) -> Outcome:
        """Run one task as Batch and the runner would; return how Batch reports its end."""
        try:
            files = {given.path: self._fetch(given.url) for given in spec.inputs}
            listed = files.pop(spec.environment.get("FANFARE_FILES", ""), b"")
            for entry in map(json.loads, listed.splitlines()):
                offset, whole = entry.get("offset"), self._fetch(entry["url"])
                part = whole if offset is None else whole[offset : offset + entry["size"]]
                files[entry["path"]] = part
        except NotFound:
            text = "One of the specified Azure Blob(s) was not found"
            return Outcome(None, "BlobNotFound", "usererror", text)
        if "page.json" not in files:
            return self._contained(spec, files)
        written = _Execution(self, spec, files).run()
        lost = [name for name in written if self.loses(name)]
        self._upload(spec.uploads, {n: c for n, c in written.items() if n not in lost})
        if not any(name.startswith("r-") for name in written):
            return Outcome(137, "FailureExitCode", "usererror", "The task exited with 137")
        if lost:
            return Outcome(self.exit_code, "FileUploadMiscError", "servererror", lost[0])
        return Outcome(self.exit_code)

    def _contained(self, spec: TaskSpec, files: Files) -> Outcome:
        """Run the command of an image: Batch alone says how it ends."""
        parameters = json.loads(spec.environment["FANFARE_PARAMETERS"])
        inputs = [spec.environment["FANFARE_INPUT"]] if spec.environment["FANFARE_INPUT"] else []
        item = Item(int(spec.environment["FANFARE_ITEM"]), parameters, inputs, files, {}, "")
        result = self.program(item)
        failure = result if isinstance(result, Failure) else None
        outputs = [] if isinstance(result, Failure) else result
        said = {"../stderr.txt": (failure.tail if failure else "").encode(), "../stdout.txt": b""}
        written = {f"fanfare-output/{name}": content for name, content in outputs} | said
        written |= {name: content for name, content in files.items() if name == ".ended"}
        lost = [name for name in written if self.loses(name)]
        self._upload_contained(
            spec.uploads, {n: c for n, c in written.items() if n not in lost}, bool(failure)
        )
        if lost:
            return Outcome(0, "FileUploadMiscError", "servererror", lost[0])
        return Outcome(failure.exit_code if failure else 0)

    def _upload_contained(self, uploads: Sequence[Upload], written: Files, failed: bool) -> None:
        skipped = "tasksuccess" if failed else "taskfailure"
        for upload in uploads:
            fixed = upload.pattern.split("*")[0].rpartition("/")[0]
            for name, content in written.items():
                if upload.condition == skipped or not fnmatch(
                    name, upload.pattern.replace("**/", "")
                ):
                    continue
                below = name.removeprefix(f"{fixed}/")
                blob = f"{upload.folder}/{below}" if "*" in upload.pattern else upload.folder
                self.blobs.write(BlobRef(upload.container, blob), content, "*")

    def _fetch(self, url: str) -> bytes:
        return self.blobs.read(self.blobs.at(url))

    def _upload(self, uploads: Sequence[Upload], written: Files) -> None:
        """Upload the files that match the patterns, perhaps in reverse order (receipt first)."""
        skipped = "taskfailure" if self.exit_code == 0 else "tasksuccess"
        order = list(reversed(written)) if self.backwards else list(written)
        for name in order:
            for upload in uploads:
                if upload.condition != skipped and fnmatch(name, upload.pattern):
                    flat = name.rsplit("/", 1)[-1]
                    ref = BlobRef(upload.container, f"{upload.folder}/{flat}")
                    # Its signature creates blobs and overwrites none.
                    self.blobs.write(ref, written[name], "*")


class _Execution:
    """One attempt: its id, outputs, log and receipt."""

    def __init__(self, node: FakeNode, spec: TaskSpec, files: Files) -> None:
        self._node = node
        self._files = files
        self._page = cast("Json", json.loads(files["page.json"]))
        self._number = int(spec.environment["FANFARE_TASK"])
        self._attempt = node.clock.token()
        self._written: Files = {}

    def run(self) -> Files:
        started = self._now()
        after, finished = self._finished()
        fresh = [entry for entry in self._entries() if entry["id"] not in finished]
        for entry in fresh[: self._node.killed_after]:
            finished[entry["id"]] = self._item(entry)
        items = list(finished.values())
        if self._node.killed_after is not None:
            head = {"version": 1, "attempt": self._attempt, "after": after}
            lines: list[Json] = [head, *({"result": item} for item in items)]
            journal = "".join(f"{json.dumps(line)}\n" for line in lines)
            self._written[f"p-{self._attempt}.jsonl"] = journal.encode()
            return self._written
        self._written[f"l-{self._attempt}.txt"] = "".join(
            f"item {i['id']}\n" for i in items
        ).encode()
        receipt = {
            "version": 1,
            "attempt": self._attempt,
            "after": after,
            "node": "tvmps_fake",
            "device": self._node.device if self._page.get("program", {}).get("gpu") else None,
            "started_at": started,
            "ended_at": self._now(),
            "seconds": 1.0,
            "items": items,
        }
        self._written[f"r-{self._attempt}.json"] = json.dumps(receipt).encode()
        return self._written

    def _finished(self) -> tuple[list[str], dict[object, Json]]:
        """Read what an earlier execution finished: its attempts, and its results by item."""
        content = self._files.get("finished.jsonl", b"")
        lines = [json.loads(line) for line in content.splitlines()]
        after = [*lines[0]["after"], lines[0]["attempt"]] if lines else []
        return after, {line["result"]["id"]: line["result"] for line in lines if "result" in line}

    def _entries(self) -> list[Json]:
        tasks = cast("list[Json]", self._page["tasks"])
        task = next(task for task in tasks if task["number"] == self._number)
        return cast("list[Json]", task["items"])

    def _item(self, entry: Json) -> Json:
        allowed = cast("dict[str, int]", self._page.get("tries", {}))
        executions: dict[str, int] = {}
        tried = 0
        while True:
            tried += 1
            result = self._node.program(self._given(entry, tried))
            if not isinstance(result, Failure):
                return self._report(entry, tried, result)
            executions[result.cause] = executions.get(result.cause, 0) + 1
            if executions[result.cause] >= allowed.get(result.cause, 1):
                return self._report(entry, tried, result)

    def _given(self, entry: Json, tried: int) -> Item:
        parameters = cast("dict[str, object]", entry.get("parameters", {}))
        inputs = cast("list[str]", entry.get("inputs", []))
        number = cast("int", entry["id"])
        spans = cast("list[tuple[int, int]]", entry.get("spans", []))
        return Item(
            number, parameters, inputs, self._files, self._page, self._attempt, tried, spans
        )

    def _report(self, entry: Json, tries: int, result: Outputs | Failure) -> Json:
        failure = result if isinstance(result, Failure) else None
        return {
            "id": entry["id"],
            "outcome": "failed" if failure else "succeeded",
            "cause": failure.cause if failure else None,
            "exit_code": failure.exit_code if failure else 0,
            "tries": tries,
            "seconds": 1.0,
            "memory": failure.memory if failure else 1,
            "disk": failure.disk if failure else 1,
            "tail": failure.tail if failure else "",
            "outputs": [] if isinstance(result, Failure) else [self._keep(*o) for o in result],
        }

    def _keep(self, name: str, content: bytes) -> Json:
        if len(content) <= cast("int", self._page.get("pack", 0)):
            return self._pack(name, content)
        kept = sum(file.startswith("o-") for file in self._written)
        blob = f"o-{self._attempt}-{kept}"
        self._written[blob] = content
        digest = hashlib.sha256(content).hexdigest()
        return {"name": name, "blob": blob, "size": len(content), "sha256": digest}

    def _pack(self, name: str, content: bytes) -> Json:
        blob = f"o-{self._attempt}-999"
        packed = self._written.get(blob, b"")
        self._written[blob] = packed + content
        digest, at = hashlib.sha256(content).hexdigest(), len(packed)
        return {"name": name, "blob": blob, "offset": at, "size": len(content), "sha256": digest}

    def _now(self) -> str:
        return self._node.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
