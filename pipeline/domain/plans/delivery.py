"""How a task gets its files: each by a URL in its request, or all by a list of such URLs."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from pipeline.domain.plans.plan import PlannedInput
from pipeline.errors import Permanent

# Batch takes 1 MB a request, and perhaps less: half of it is asked for at most.
CARRIED_BYTES = 450_000
SIGNED_BYTES = 400  # of a file in a request besides URL and path: its signature, and the syntax
MOST_FILES = 50_000


def fits_request(files: Iterable[PlannedInput]) -> bool:
    """Return whether a request carries the URLs of all files of a task."""
    return sum(_carried(file) for file in files) <= CARRIED_BYTES


def _carried(file: PlannedInput) -> int:
    return SIGNED_BYTES + len(file.url) + len(file.file)


def check_count(files: int, remedy: str) -> None:
    """Raise Permanent if a task has more files than a list may name."""
    if files > MOST_FILES:
        raise Permanent(f"A task takes {MOST_FILES:,} files, and this one has {files:,}: {remedy}.")


def digest(files: Iterable[PlannedInput]) -> str:
    """Compute the digest of what a list names."""
    lines = "".join(f"{file.file}\n{file.url}\n{file.size}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def encode(files: Sequence[PlannedInput], urls: Iterable[str]) -> bytes:
    """Render a list as the runner reads it: a line of JSON for each file, with its signed URL."""
    entries = (
        {"path": file.file, "url": url, "size": file.size}
        for file, url in zip(files, urls, strict=True)
    )
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
