"""The receipt of an attempt: its entries, the texts in them, and the bytes that it may have."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_item as items
else:  # on a node the files are in one folder
    import runner_item as items

RECEIPT_BYTES = 1024 * 1024
TAIL_CHARACTERS = 2000
_LONGEST_DOWNLOAD_S = 7 * 86_400.0  # access to blobs ends sooner: beyond, the clock was set
ITEM_BYTES = 300  # of an item's entry in the receipt, without outputs and tail


class Result(TypedDict):
    """One item in the receipt; `memory` and `disk` are the most of one try, in bytes."""

    id: int
    outcome: str
    cause: str | None
    exit_code: int | None
    tries: int
    seconds: float
    memory: int
    disk: int
    tail: str
    outputs: list[items.Output]


def failed(item: int, failures: "Mapping[str, int]", notes: "Mapping[int, str]") -> Result:
    """Describe an item whose last try ended with its runner."""
    return {
        "id": item,
        "outcome": "failed",
        "cause": next(reversed([*failures]), "program-failed"),
        "exit_code": None,
        "tries": 1,
        "seconds": 0.0,
        "memory": 0,
        "disk": 0,
        "tail": notes.get(item, ""),
        "outputs": [],
    }


def fitting_receipt(head: Mapping[str, object], results: "Sequence[Mapping[str, Any]]") -> bytes:
    """Encode a receipt; cut the tails if it would be too large."""
    content = encode({**head, "items": results})
    for length in (500, 100, 0):
        if len(content) <= RECEIPT_BYTES:
            break
        cut = [{**result, "tail": _last(result["tail"], length)} for result in results]
        content = encode({**head, "items": cut})
    return content


def _last(text: str, length: int) -> str:
    return text[max(len(text) - length, 0) :]


def encode(value: object) -> bytes:
    """Encode as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def visible(output: bytes) -> str:
    """Decode what a program printed, and spell out control characters."""
    text = output.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def tail_of(text: str, note: str) -> str:
    """Return the last whole lines of an output, and then the runner's own note."""
    room = max(TAIL_CHARACTERS - len(note) - 1, 0)
    text = text.rstrip()
    kept = _last(text, room)
    if len(kept) < len(text):  # the first line is cut
        kept = kept.split("\n", 1)[-1]
    return f"{kept}\n{note}".strip("\n")[:TAIL_CHARACTERS]


def iso(moment: float) -> str:
    """Render a time in UTC, to the millisecond."""
    seconds, milliseconds = divmod(round(moment * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03}Z"


def download_seconds(began: str, now: float) -> float | None:
    """Return how long the download of a task's files took, or None if the node cannot tell."""
    try:
        took = now - float(began)
    except ValueError:
        return None
    # A file system that keeps no times of creation says 0. A clock that was set back says more.
    return round(took, 3) if 0 <= took <= _LONGEST_DOWNLOAD_S else None
