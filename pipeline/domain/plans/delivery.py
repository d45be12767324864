"""How a task gets its files: each by a URL in its request, or all by a list of such URLs."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.domain.plans.plan import Delivery, Page, PlannedInput, PlannedTask
from pipeline.domain.plans.split import Span
from pipeline.errors import Permanent

# Batch takes 1 MB a request, and perhaps less: half of it is asked for at most.
CARRIED_BYTES = 450_000
SIGNED_BYTES = 400  # of a file in a request besides URL and path: its signature, and the syntax
MOST_FILES = 50_000


@dataclass(frozen=True)
class Wanted:
    """A file of a task, and the spans of it that the task needs; without spans it is the whole."""

    file: PlannedInput
    spans: tuple[Span, ...] = ()

    @property
    def place(self) -> dict[str, object]:
        """What a list says of a file that is not a whole blob."""
        offset = self.file.offset
        part = {} if offset is None else {"offset": offset}
        return {**part, **({"spans": self.spans} if self.spans else {})}


def wanted(page: Page, task: PlannedTask) -> list[Wanted]:
    """Return the files of a task; of a file that is delivered by ranges what its items need."""
    spans = tuple(united(span for item in task.items for span in item.spans))
    return [
        Wanted(file, spans if file.delivery == Delivery.RANGE else ())
        for file in (*page.inputs, *task.inputs)
    ]


def nodes_own(page: Page) -> list[PlannedInput]:
    """Return the files that come once to each node."""
    return [file for file in page.inputs if file.delivery == Delivery.NODE]


def downloaded(page: Page, task: PlannedTask) -> int:
    """Return how many bytes of files come to a task itself."""
    return sum(
        sum(stop - start for start, stop in one.spans) if one.spans else one.file.size
        for one in wanted(page, task)
        if one.file.delivery in {Delivery.TASK, Delivery.RANGE}
    )


def united(spans: Iterable[Span]) -> Iterable[Span]:
    """Yield spans in order, with those that touch or overlap as one."""
    begin = end = -1
    for start, stop in sorted(spans):
        if start > end:
            if end > begin:
                yield begin, end
            begin, end = start, stop
        end = max(end, stop)
    if end > begin:
        yield begin, end


def fits_request(files: Iterable[PlannedInput]) -> bool:
    """Return whether a request carries the URLs of all files of a task."""
    return sum(_carried(file) for file in files) <= CARRIED_BYTES


def _carried(file: PlannedInput) -> int:
    return SIGNED_BYTES + len(file.url) + len(file.file)


def check_count(files: int, remedy: str) -> None:
    """Raise Permanent if a task has more files than a list may name."""
    if files > MOST_FILES:
        raise Permanent(f"A task takes {MOST_FILES:,} files, and this one has {files:,}: {remedy}.")


def digest(wanted: Iterable[Wanted]) -> str:
    """Compute the digest of what a list names."""
    lines = "".join(
        f"{one.file.file}\n{one.file.url}\n{one.file.size}\n{one.place or ''}\n" for one in wanted
    )
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def encode(wanted: Sequence[Wanted], urls: Iterable[str]) -> bytes:
    """Render a list as the runner reads it: a line of JSON for each file, with its signed URL."""
    entries = (
        {"path": one.file.file, "url": url, "size": one.file.size, **one.place}
        for one, url in zip(wanted, urls, strict=True)
    )
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
