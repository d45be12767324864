"""How the items of a run ended: a byte for each, and a bounded number of failures in full."""

import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator
from typing import Self

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import ItemOutcome, ItemResult
from pipeline.domain.runs.stored import Stored

_TAIL = 500  # characters that are kept of a failure
_UNKNOWN, _EMPTY, _OUTPUT, _FAILED = range(4)  # a failed item has the code of its cause: 3 or more
_CAUSES = (None, *Cause)
_CODES = {cause: _FAILED + place for place, cause in enumerate(_CAUSES)}


class KeptEnds(Stored):
    """The ends of items as they are stored: a byte for each, packed, and failures.

    Such a byte is a place in `causes`, which are those of the release that wrote it.
    """

    codes: str = ""
    causes: tuple[Cause | None, ...] = _CAUSES
    failures: tuple[ItemResult, ...] = ()
    firsts: tuple[ItemResult, ...] = ()
    peak_memory: int = 0
    peak_disk: int = 0


class ItemEnds:
    """The ends of items, as they become known; a later failure never replaces a success.

    `detailed` failures are kept with their last words, and the first one of each cause. Of others
    only the cause is known. `peak_memory` and `peak_disk` are the bytes of those that took most.
    """

    def __init__(self, detailed: int = 10_000) -> None:
        self._detailed = detailed
        self._codes = bytearray()
        self._failures = dict[int, ItemResult]()
        self._firsts = dict[Cause | None, ItemResult]()
        self.peak_memory = self.peak_disk = 0

    @classmethod
    def of(cls, kept: KeptEnds) -> Self:
        """Go on from what was kept."""
        ends = cls()
        theirs = bytes(range(_FAILED, _FAILED + len(kept.causes)))
        table = bytes.maketrans(theirs, bytes(_CODES[cause] for cause in kept.causes))
        codes = zlib.decompress(b64decode(kept.codes)) if kept.codes else b""
        ends._codes = bytearray(codes.translate(table))
        ends._failures = {item.id: item for item in kept.failures}
        ends._firsts = {item.cause: item for item in kept.firsts}
        ends.peak_memory, ends.peak_disk = kept.peak_memory, kept.peak_disk
        return ends

    @property
    def kept(self) -> KeptEnds:
        """What to keep in order to go on from it."""
        return KeptEnds(
            codes=b64encode(zlib.compress(self._codes, 1)).decode(),
            failures=tuple(self._failures.values()),
            firsts=tuple(self._firsts.values()),
            peak_memory=self.peak_memory,
            peak_disk=self.peak_disk,
        )

    def add(self, item: ItemResult) -> None:
        """Take how an item ended in an execution of it."""
        self.peak_memory = max(self.peak_memory, item.memory)
        self.peak_disk = max(self.peak_disk, item.disk)
        if item.succeeded:
            self._note(item.id, _OUTPUT if item.outputs else _EMPTY)
            self._failures.pop(item.id, None)
        elif not self.succeeded(item.id):
            self._note(item.id, _CODES[item.cause])
            self._keep(item)

    def succeeded(self, item: int) -> bool:
        """Return whether an item has an end that counts as a success."""
        return item < len(self._codes) and self._codes[item] in (_EMPTY, _OUTPUT)

    def is_empty(self, item: int) -> bool:
        """Return whether an item succeeded, and wrote nothing when it did so last."""
        return item < len(self._codes) and self._codes[item] == _EMPTY

    @property
    def known(self) -> int:
        """How many items an item can be among: one more than the highest number."""
        return len(self._codes)

    @property
    def successes(self) -> int:
        """How many items succeeded."""
        return self._codes.count(_OUTPUT) + self.without_output

    @property
    def without_output(self) -> int:
        """How many items succeeded and wrote nothing."""
        return self._codes.count(_EMPTY)

    @property
    def causes(self) -> Counter[Cause | None]:
        """How many items failed, by cause."""
        counted = {cause: self._codes.count(code) for cause, code in _CODES.items()}
        return Counter({cause: number for cause, number in counted.items() if number})

    def failures(self) -> Iterator[ItemResult]:
        """Yield the failed items, in order; without last words those beyond what is kept."""
        for number, code in enumerate(self._codes):
            if code >= _FAILED:
                yield self._failures.get(number) or _failure(number, _CAUSES[code - _FAILED])

    def first(self, cause: Cause | None) -> ItemResult:
        """Return a failure of a cause that some item has, with its last words if they are kept."""
        number = self._codes.find(_CODES[cause])
        kept = self._firsts.get(cause)
        if kept and self._codes[kept.id] == _CODES[cause]:
            return kept
        return self._failures.get(number) or _failure(number, cause)

    def _note(self, item: int, code: int) -> None:
        if item >= len(self._codes):
            self._codes.extend(bytes(item + 1 - len(self._codes)))
        self._codes[item] = code

    def _keep(self, item: ItemResult) -> None:
        kept = item.model_copy(update={"outputs": ()})
        first = self._firsts.get(item.cause)
        if first is None or first.id >= item.id or self._codes[first.id] != _CODES[item.cause]:
            self._firsts[item.cause] = kept
        if item.id in self._failures or len(self._failures) < self._detailed:
            self._failures[item.id] = kept.model_copy(update={"tail": item.tail[:_TAIL]})


def _failure(item: int, cause: Cause | None) -> ItemResult:
    return ItemResult(id=item, outcome=ItemOutcome.FAILED, cause=cause)
