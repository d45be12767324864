"""Every name that the engine gives, and the parsing of those that come back.

Names are derived from what they name, so that repeating a step meets its own traces.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

_RUN = re.compile(r"(?P<pipeline>[a-z][a-z0-9-]{0,31})-[0-9a-f]{20}")
_UNIT = re.compile(r"t(?P<number>[0-9]{6})|split|assemble")
_RECEIPT = re.compile(
    r"(?P<run>[a-z0-9-]{1,60})/g(?P<generation>[1-9][0-9]{0,3})/(?P<unit>[a-z0-9]{5,8})/"
    r"r-(?P<attempt>[0-9a-f]{16})\.json"
)
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_SERVICES = frozenset({"blob", "dfs"})
SPLIT, ASSEMBLE = "split", "assemble"


@dataclass(frozen=True, order=True)
class BlobRef:
    """A blob by name, or one immutable snapshot of it."""

    container: str
    name: str
    snapshot: str | None = None


def run_id(pipeline: str, cause: Sequence[str]) -> str:
    """Derive a run's id from its pipeline and what caused it."""
    text = "\n".join((pipeline, *cause))
    return f"{pipeline}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def pipeline_of(run: str) -> str | None:
    """Return the pipeline that a run id names, or None if it is no run id."""
    match = _RUN.fullmatch(run)
    return match["pipeline"] if match else None


def canonical_etag(etag: str) -> str:
    """Strip the quotes that some edges put around an ETag."""
    return etag.removeprefix("W/").strip('"')


def account_of(url: str) -> str:
    """Return the storage account of a blob's URL, "" without one; ports are no part of it.

    Azure names the account in the host, a local stand-in in the first segment of the path.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    labels = host.split(".")
    if _SERVICES.intersection(labels[1:]):
        return labels[0]
    local = len(labels) == 1 or ":" in host or labels[-1].isdigit()
    return parts.path.removeprefix("/").split("/")[0] if local else host


def unit_name(task: int) -> str:
    """Name a task of the plan; stage programs are units named `split` and `assemble`."""
    return f"t{task:06d}"


def unit_number(unit: str) -> int | None:
    """Return the task number of a unit, or None for a stage program."""
    match = _UNIT.fullmatch(unit)
    return int(match["number"]) if match and match["number"] else None


def job_id(run: str, generation: int, attempt: int = 0, stage: str = "") -> str:
    """Name a Batch job: the plan's tasks, their n-th repetition, or a stage program's n-th try."""
    parts = [run, f"g{generation}", stage, f"r{attempt}" if attempt else ""]
    return "-".join(part for part in parts if part)


def generation_folder(run: str, generation: int) -> str:
    """Return the folder of one generation, in `work` and in `receipts`."""
    return f"{run}/g{generation}"


def output_folder(pipeline: str, run: str, generation: int) -> str:
    """Return the immutable folder of a generation's output, in `output`."""
    return f"{pipeline}/{run}/g{generation}"


def event_id(run: str, generation: int, verdict: str) -> str:
    """Return the completion event's id: consumers drop repeats by it."""
    return f"{run}-g{generation}-{verdict}"


def inverted_time(moment: datetime) -> str:
    """Render a time so that later sorts first."""
    return f"{10**13 - int(moment.timestamp() * 1000):013d}"


@dataclass(frozen=True)
class ReceiptPath:
    """What a receipt's path says: the only identity that counts, whatever its content claims."""

    run: str
    generation: int
    unit: str
    attempt: str

    @property
    def pipeline(self) -> str:
        """The pipeline of the run."""
        return pipeline_of(self.run) or ""

    @property
    def name(self) -> str:
        """The receipt's blob name."""
        return f"{self.run}/g{self.generation}/{self.unit}/r-{self.attempt}.json"


def parse_receipt_path(name: str) -> ReceiptPath | None:
    """Parse a blob name of container `receipts`; None if no runner writes such a name."""
    match = _RECEIPT.fullmatch(name)
    if not match or not _UNIT.fullmatch(match["unit"]) or not pipeline_of(match["run"]):
        return None
    return ReceiptPath(match["run"], int(match["generation"]), match["unit"], match["attempt"])


def local_input_name(stem: str, blob: str) -> str:
    """Name an input file on the node: only an ordinary extension survives of a stranger's name."""
    match = _EXTENSION.search(blob)
    return f"in/{stem}{match[0].lower() if match else ''}"
