"""Cuts a page into sheets: pages of a few tasks, of which each node reads its own task's.

A page has up to 100 tasks and perhaps 10,000 items. If every task read it, what the nodes of a run
download and parse would grow with the square of the bundle.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

SHEET_BYTES = 128 << 10


@dataclass(frozen=True)
class Sheet:
    """A page of the plan, as the runner reads it, that has only these tasks."""

    tasks: tuple[int, ...]
    content: bytes

    @property
    def digest(self) -> str:
        """The beginning of its SHA-256, by which its blob is named."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def sheets(page: bytes) -> Iterator[Sheet]:
    """Put neighbouring tasks of a page together, up to 128 KiB or a single task that has more.

    It works on the page's JSON: what a later release wrote for its runner must arrive there.
    """
    shared = json.loads(page)
    tasks = shared.pop("tasks")
    head = _encode(shared).removesuffix(b"}") + b',"tasks":['
    numbers: list[int] = []
    encoded: list[bytes] = []
    size = 0
    for task in tasks:
        content = _encode(task)
        if encoded and size + len(content) > SHEET_BYTES:
            yield _sheet(head, numbers, encoded)
            numbers, encoded, size = [], [], 0
        numbers.append(task["number"])
        encoded.append(content)
        size += len(content)
    if encoded:
        yield _sheet(head, numbers, encoded)


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sheet(head: bytes, numbers: list[int], encoded: list[bytes]) -> Sheet:
    return Sheet(tuple(numbers), head + b",".join(encoded) + b"]}")
