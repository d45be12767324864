"""What an attempt has done so far, in `p-{attempt}.jsonl`: one line when a try begins or ends.

It outlives the runner. If the runner is killed, its keeper starts it again, and it goes on behind
the last line. If the keeper is killed too, Batch uploads the file, and a further execution of the
task gets it as `finished.jsonl`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.files import runner_folder as folders
else:  # on a node the files are in one folder
    import runner_folder as folders

FINISHED = "finished.jsonl"
_LIMIT = 4 * 1024 * 1024
_WHOLE_TAILS = 512 * 1024  # bytes of the journal; further entries hold only the end of a tail
_SHORT_TAIL = 100


class Past:
    """What a journal says: results, failed tries by cause, and what was begun but not ended."""

    def __init__(self, lines: "Iterator[dict[str, Any]]") -> None:
        self.attempt, self.after = "", list[str]()
        self.results: dict[int, dict[str, Any]] = {}
        self.failures: dict[int, dict[str, int]] = {}
        self.begun: int | None = None
        self.notes: dict[int, str] = {}
        for line in lines:
            self._read(line)

    def _read(self, line: "dict[str, Any]") -> None:
        if "attempt" in line:
            self.attempt, self.after = str(line["attempt"]), [str(one) for one in line["after"]]
        elif "begun" in line:
            self.begun = int(line["begun"])
        elif "failed" in line:
            item, cause = int(line["failed"]), str(line["cause"])
            causes = self.failures.setdefault(item, {})
            causes[cause] = causes.get(cause, 0) + 1
            self.notes[item] = str(line.get("note", ""))
            self.begun = None
        elif "result" in line:
            self.results[int(line["result"]["id"])] = line["result"]
            self.begun = None


class Journal:
    """The journal of one attempt; the keeper opens it, and each of its runners inherits it."""

    def __init__(self, folder: folders.Folder, attempt: str) -> None:
        self.name = f"p-{attempt}.jsonl"
        self._folder, self._attempt = folder, attempt
        self._file: BinaryIO = folder.create(self.name)

    def begin(self, earlier: "Past | None") -> None:
        """Write the first lines: whose journal it is, and what an earlier execution finished."""
        after = [*earlier.after, earlier.attempt] if earlier else []
        self._add({"version": 1, "attempt": self._attempt, "after": after})
        for result in earlier.results.values() if earlier else ():
            self.result(result)

    def begun(self, item: int) -> None:
        """Note that a try of an item begins."""
        self._add({"begun": item})

    def failed(self, item: int, cause: str, note: str = "") -> None:
        """Note that a try of an item failed; the note is kept for a try that killed its runner."""
        self._add({"failed": item, "cause": cause, "note": note})

    def result(self, result: "Mapping[str, Any]") -> None:
        """Note how an item ended."""
        if self.size > _WHOLE_TAILS:
            result = {**result, "tail": str(result["tail"])[-_SHORT_TAIL:]}
        self._add({"result": dict(result)})

    def past(self) -> Past:
        """Read all that was noted."""
        return Past(_lines(os.pread(self._file.fileno(), self.size, 0)))

    @property
    def size(self) -> int:
        """Return how many bytes it has; it grows whenever something is done."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Delete it: the receipt says all that it says."""
        self._folder.unlink(self.name)

    def _add(self, line: "dict[str, Any]") -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self._file.write(text.encode() + b"\n")
        self._file.flush()


def earlier(folder: folders.Folder) -> "Past | None":
    """Read what an earlier execution of the task finished, if this one got it.

    Raises ValueError.
    """
    try:
        with folder.open(FINISHED) as stream:
            return Past(_lines(stream.read(_LIMIT)))
    except FileNotFoundError:
        return None


def _lines(content: bytes) -> "Iterator[dict[str, Any]]":
    """Yield whole lines; the last one may be cut where its writer was killed."""
    for line in content.split(b"\n")[:-1]:
        if line:
            yield json.loads(line)
