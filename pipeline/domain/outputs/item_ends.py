"""How the items of a run ended: a byte for each, and a bounded number of failures in full."""

from collections import Counter
from collections.abc import Iterator

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import ItemOutcome, ItemResult

_TAIL = 500  # characters that are kept of a failure
_UNKNOWN, _EMPTY, _OUTPUT, _FAILED = range(4)  # a failed item has the code of its cause: 3 or more
_CAUSES = (None, *Cause)
_CODES = {cause: _FAILED + place for place, cause in enumerate(_CAUSES)}


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
