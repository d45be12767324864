"""Delivers the files of a task: by resource files, or by one that lists what the runner fetches.

A list has signed URLs, so it lies where nodes can only read what they were given. Who submits an
execution again finds the list of the first time.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from pipeline.domain.plans import delivery
from pipeline.domain.plans.delivery import Wanted
from pipeline.domain.plans.plan import Delivery, Page, PlannedInput
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import scripts
from pipeline.ports.batch import InputFile

_WORDS_BYTES, _WORDS = 8192, 1000
# What the runner knows, too: the variables that name the list and the only place of its URLs, and
# what begins the line in which it says why it could not fetch a file.
VARIABLES = ("FANFARE_FILES", "FANFARE_STORAGE")
MARK, NO_GPU = "Not fetched: ", "No GPU: "
_URL_VARIABLE = "FANFARE_INPUT_URL"  # by which a program reads an input that does not come
_RELEASE = "/bin/sh -c 'rm -rf \"$AZ_BATCH_JOB_PREP_WORKING_DIR/in\"'"


@dataclass(frozen=True)
class Unit:
    """One execution of a unit, and until when its nodes may reach blobs."""

    name: str
    execution: int
    access_until: datetime


@dataclass(frozen=True)
class Delivered:
    """The resource files of a task, and what its environment tells the runner about others."""

    inputs: list[InputFile]
    environment: Mapping[str, str] = field(default_factory=dict)


def of_nodes(page: Page) -> list[InputFile]:
    """Return the files that come once to each node, beside the runner."""
    return [_direct(file) for file in delivery.nodes_own(page)]


def release(page: Page) -> str:
    """Return the command that frees the disk of a node from such files, or ""."""
    return _RELEASE if delivery.nodes_own(page) else ""


def deliver(engine: Engine, run: Run, unit: Unit, wanted: Sequence[Wanted]) -> Delivered:
    """Return how a task gets its files; write the list if a request does not carry them."""
    named: dict[str, str] = {}
    if wanted and wanted[0].file.delivery == Delivery.URL:
        named[_URL_VARIABLE] = engine.ports.signer.reading(wanted[0].file.url, unit.access_until)
    here = [one for one in wanted if one.file.delivery not in {Delivery.NODE, Delivery.URL}]
    files = [one.file for one in here]
    whole = not any(one.place for one in here)
    if (whole and delivery.fits_request(files)) or not scripts.fetches(run):
        return Delivered([_direct(file) for file in files], named)
    # Beside the folders lie the runner's own files: nothing is fetched there.
    listed = [one for one in here if "/" in one.file.file]
    ref = run.names.file_list(unit.name, unit.execution, delivery.digest(listed))
    _write(engine, ref, listed, unit.access_until)
    url = engine.ports.blobs.url(ref)
    place = urlsplit(url)
    values = (naming.FILE_LIST, f"{place.scheme}://{place.netloc}")
    return Delivered(
        [*(_direct(f) for f in files if "/" not in f.file), InputFile(url, naming.FILE_LIST)],
        {**dict(zip(VARIABLES, values, strict=True)), **named},
    )


def _write(engine: Engine, ref: BlobRef, wanted: Sequence[Wanted], until: datetime) -> None:
    """Write a list unless it is there: a task may be reading it."""
    if engine.ports.blobs.head(ref) is not None:
        return
    urls = (engine.ports.signer.reading(one.file.url, until) for one in wanted)
    with suppress(Conflict):
        engine.ports.writer.write(ref, delivery.encode(wanted, urls), "*", "application/jsonl")


def _direct(file: PlannedInput) -> InputFile:
    return InputFile(file.url, file.file)


def why_not(engine: Engine, run: Run, unit: str, execution: int) -> str:
    """Return why the runner began nothing, in its own words, or "" without any.

    They are what a node says: read up to a limit, and shown only.
    """
    folder = run.names.logs(run.names.address(unit, execution))
    for facts in engine.ports.blobs.list(naming.WORK, f"{folder}/"):
        if naming.is_program_log(facts.ref):
            continue
        try:
            start = max(facts.size - _WORDS_BYTES, 0)
            text = engine.ports.blobs.read(facts.ref, start, _WORDS_BYTES)
        except NotFound:
            continue
        for line in reversed(text.decode(errors="replace").splitlines()):
            if line.startswith((MARK, NO_GPU)):
                return "".join(c if c.isprintable() else "\ufffd" for c in line)[:_WORDS]
    return ""
