"""What an execution finished before all of its parents were killed: the runner's journal.

It counts only if the execution left no receipt. A further execution goes on behind it.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import (
    ATTEMPTS,
    Attempts,
    ItemResult,
    ReceiptInvalid,
    check_item,
    failed_items,
)

MAX_JOURNAL_BYTES = 4 << 20
_AFTER = TypeAdapter(Attempts)


@dataclass(frozen=True)
class Journal:
    """The items that an attempt finished; their outputs belong to it or to those in `after`."""

    attempt: str
    after: tuple[str, ...]
    items: tuple[ItemResult, ...]

    def with_rest(
        self, expected: tuple[int, ...], cause: Cause, why: str
    ) -> tuple[ItemResult, ...]:
        """Return the results of all items of the task: those that are missing failed."""
        finished = {item.id: item for item in self.items}
        rest = {item.id: item for item in failed_items(expected, cause, why)}
        return tuple(finished.get(number) or rest[number] for number in expected)


def parse_journal(content: bytes, attempt: str, expected: Collection[int]) -> Journal:
    """Read a journal for the items of its task. Raises ReceiptInvalid."""
    if len(content) > MAX_JOURNAL_BYTES:
        raise ReceiptInvalid(f"The journal has more than {MAX_JOURNAL_BYTES:,} bytes.")
    after: tuple[str, ...] = ()
    items: dict[int, ItemResult] = {}
    try:
        for line in _lines(content):
            if "attempt" in line:
                after = _AFTER.validate_python(line.get("after", ()))
            elif "result" in line:
                item = ItemResult.model_validate(line["result"])
                items[item.id] = item
    except (ValueError, RecursionError) as error:
        raise ReceiptInvalid(f"The journal is malformed: {_first(error)}") from error
    if not items.keys() <= set(expected) or len(after) > ATTEMPTS:
        raise ReceiptInvalid("The journal's items are not those of its task.")
    for item in items.values():
        check_item(item, {attempt, *after})
    return Journal(attempt, after, tuple(items.values()))


def _lines(content: bytes) -> Iterator[dict[str, object]]:
    """Yield whole lines; the last one may be cut where its writer was killed."""
    for line in content.split(b"\n")[:-1]:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("a line is not an object")  # noqa: TRY004 - the caller reports values
        yield value


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return error.errors(include_url=False, include_input=False)[0]["msg"]
    return str(error)[:200]
