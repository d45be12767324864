"""The index of a run's items: eight bytes an item, in chunks that are blobs.

A chunk is a line of JSON, which says what its numbers mean, and then the records.
"""

import json
import struct
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal, Self

from pydantic import Field, ValidationError

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import ItemResult
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

CHUNK = 1 << 16  # items
_RECORD = struct.Struct("<BBHf")  # end, tries, node, seconds
_OPEN, _SUCCEEDED, _FAILED = range(3)  # a failed item has the place of its cause, and 2 or more
_MOST_TRIES, _MOST_NODES, _MOST_SECONDS = 0xFF, 0xFFFF, 1e9  # a node may claim anything
_MOST_RUNS = 32

type State = Literal["open", "succeeded", "failed"]


class IndexUnreadable(Permanent):
    """A chunk of the index is not what the engine writes."""


@dataclass(frozen=True, slots=True)
class ItemState:
    """How one item stands; `seconds` is the time of its last try."""

    item: int
    state: State = "open"
    cause: Cause | None = None
    tries: int = 0
    seconds: float = 0.0
    node: str = ""

    @classmethod
    def of(cls, result: ItemResult, node: str) -> Self:
        """Describe how an item ended on a node."""
        state: State = "succeeded" if result.succeeded else "failed"
        return cls(result.id, state, result.cause, result.tries, result.seconds, node)


class _Header(Stored):
    version: int = Field(ge=1, le=1)
    causes: tuple[str, ...] = Field(max_length=200)
    nodes: tuple[str, ...] = Field(max_length=_MOST_NODES)


class IndexChunk:
    """What is known of the items from `number * CHUNK` on; a success stays."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._records = bytearray()
        self._causes: dict[str, int] = {}
        self._nodes: dict[str, int] = {"": 0}

    @classmethod
    def parse(cls, number: int, content: bytes) -> Self:
        """Read a chunk. Raises IndexUnreadable."""
        head, _, records = content.partition(b"\n")
        try:
            header = _Header.model_validate_json(head)
        except ValidationError as error:
            raise IndexUnreadable from error
        if len(records) % _RECORD.size or len(records) > CHUNK * _RECORD.size:
            raise IndexUnreadable
        chunk = cls(number)
        chunk._records = bytearray(records)
        chunk._causes = {name: place for place, name in enumerate(header.causes)}
        chunk._nodes = {name: place for place, name in enumerate(header.nodes)}
        return chunk

    def encode(self) -> bytes:
        """Return the chunk as it is stored."""
        header = {"version": 1, "causes": list(self._causes), "nodes": list(self._nodes)}
        return json.dumps(header).encode() + b"\n" + self._records

    def put(self, state: ItemState) -> None:
        """Take how an item stands, unless it has succeeded."""
        place = self._room(state)
        if self._records[place] != _SUCCEEDED:
            self.judge(state)

    def judge(self, state: ItemState) -> None:
        """Take how an item ended, whatever was known before."""
        place = self._room(state)
        if state.state != "open":
            _RECORD.pack_into(self._records, place, *self._packed(state))

    def _room(self, state: ItemState) -> int:
        """Return where the record of an item is, and make room up to there."""
        place = (state.item - self.number * CHUNK) * _RECORD.size
        self._records.extend(bytes(max(0, place + _RECORD.size - len(self._records))))
        return place

    def states(self) -> Iterator[ItemState]:
        """Yield how each item stands, in order, up to the last that is known."""
        causes, nodes = list(self._causes), list(self._nodes)
        first = self.number * CHUNK
        for place, (end, tries, node, seconds) in enumerate(_RECORD.iter_unpack(self._records)):
            item = first + place
            if end == _OPEN:
                yield ItemState(item)
                continue
            word = causes[end - _FAILED] if end - _FAILED in range(len(causes)) else ""
            cause = Cause(word) if word else None
            name = nodes[node] if node < len(nodes) else ""
            state: State = "succeeded" if end == _SUCCEEDED else "failed"
            yield ItemState(item, state, cause, tries, round(seconds, 3), name)

    def _packed(self, state: ItemState) -> tuple[int, int, int, float]:
        end = _SUCCEEDED
        if state.state == "failed":
            end = _FAILED + self._causes.setdefault(str(state.cause or ""), len(self._causes))
        full = len(self._nodes) >= _MOST_NODES and state.node not in self._nodes
        node = 0 if full else self._nodes.setdefault(state.node, len(self._nodes))
        return end, min(state.tries, _MOST_TRIES), node, min(state.seconds, _MOST_SECONDS)


class Unwritten:
    """What is known of the items of one generation of a run, and not written yet."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._chunks: dict[int, IndexChunk] = {}
        self._written: datetime | None = None

    def put(self, states: Iterable[ItemState]) -> None:
        """Take how items stand."""
        with self._lock:
            for state in states:
                number = state.item // CHUNK
                if number not in self._chunks:
                    self._chunks[number] = IndexChunk(number)
                self._chunks[number].put(state)

    def is_due(self, now: datetime, every: timedelta) -> bool:
        """Return whether the last time that something was taken is so long ago."""
        return self._written is None or now - self._written >= every

    def take(self, now: datetime) -> list[IndexChunk]:
        """Remove all chunks, to be written, and return them in order."""
        with self._lock:
            taken, self._chunks, self._written = self._chunks, {}, now
        return [chunk for _, chunk in sorted(taken.items())]


class Unindexed:
    """What this process has not written into the indexes of the last runs that it worked on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs: OrderedDict[tuple[str, int], Unwritten] = OrderedDict()

    def of(self, run: str, generation: int) -> Unwritten:
        """Return that of one generation of a run."""
        key = (run, generation)
        with self._lock:
            found = self._runs.setdefault(key, Unwritten())
            self._runs.move_to_end(key)
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)
        return found
