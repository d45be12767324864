"""What an ended run leaves besides its output, and its deletion in bounded pieces.

What is deleted needs no cursor: the next piece begins with what is still there. So plans go last,
each page after the pins that it names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import Permanent
from pipeline.handlers import published
from pipeline.handlers.collecting.gather import generations
from pipeline.handlers.engine import Engine
from pipeline.ledger import index, runs, tasks
from pipeline.ledger.rows import Unreadable, log_unreadable
from pipeline.ports.blobs import BlobFacts


@dataclass
class Allowance:
    """How much one invocation may still delete or look at, and until when."""

    left: int
    until: datetime

    def takes(self, engine: Engine, count: int = 1) -> bool:
        """Count so many pieces of work; return whether there was room for them."""
        if self.left <= 0 or engine.now > self.until:
            return False
        self.left -= count
        return True


def erase(engine: Engine, run: Run, allowance: Allowance) -> bool:
    """Delete what a purged run left, as far as the allowance goes; return whether that is all."""
    for ref in _in_order(engine, run):
        if not allowance.takes(engine):
            return False
        engine.ports.writer.delete(ref)
    while allowance.takes(engine):
        rows = max(1, allowance.left)
        deleted = tasks.forget(engine.ports.tables, run.id, run.generation, rows)
        allowance.takes(engine, deleted)
        if deleted < rows:
            return True
    return False


def item_pins(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Yield the snapshots that a run took of blobs for single items, as its plan names them."""
    for _, pins in _pages(engine, run):
        yield from pins


def input_copies(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Yield the pin of a run's input, and the upload of a request, unless another run needs them.

    A blob is deleted with its snapshots, so the upload stays as long as they do.
    """
    if run.input is None or _is_shared(engine, run):
        return
    if run.input.pinned:
        yield run.input.ref
    upload = BlobRef(run.input.container, run.input.name)
    if naming.is_upload(upload):
        yield upload


def belongings(engine: Engine, run: Run, *, output: bool) -> Iterator[BlobFacts]:
    """Yield the blobs in the folders of a run, without a copy that another run works on."""
    copied = run.input is not None and bool(run.input.copied)
    needed = run.input.ref if run.input and copied and _is_shared(engine, run) else None
    for folder in naming.belongings(run.id, output=output):
        for facts in engine.ports.blobs.list(folder.container, folder.name):
            if facts.ref != needed:
                yield facts


def _in_order(engine: Engine, run: Run) -> Iterator[BlobRef]:
    yield from input_copies(engine, run)
    for page, pins in _pages(engine, run):
        yield from pins
        yield page
    for facts in belongings(engine, run, output=False):
        yield facts.ref


def _pages(engine: Engine, run: Run) -> Iterator[tuple[BlobRef, list[BlobRef]]]:
    """Yield the pages of all plans, each with the pins in it; a page that is gone is left out."""
    for _, plan in generations(run):
        expected = published.PageDigests(engine, plan)
        for number in range(plan.pages):
            try:
                read = published.read_page(engine, plan, number, expected)
            except (Permanent, ValueError):
                continue  # it is gone, or another release wrote it
            urls = [blob.url for task in read.page.tasks for blob in task.inputs]
            refs = [_snapshot(engine, url) for url in urls if "?" in url]
            mine = {ref for ref in refs if ref and not (run.input and ref == run.input.ref)}
            yield read.blob, sorted(mine)


def _snapshot(engine: Engine, url: str) -> BlobRef | None:
    """Return the snapshot of this account that a URL names, or None for another URL."""
    parts = urlsplit(url)
    snapshot = parse_qs(parts.query).get("snapshot", [""])[0]
    segments = parts.path.removeprefix("/").split("/")
    for at in (0, 1):  # the path begins with the account on a local stack
        if len(segments) < at + 2 or not snapshot:
            continue
        name = unquote("/".join(segments[at + 1 :]))
        ref = BlobRef(segments[at], name, snapshot)
        if engine.ports.blobs.url(ref) == url:
            return ref
    return None


def _is_shared(engine: Engine, run: Run) -> bool:
    """Return whether another run works on the same pin, as one that follows a failure does."""
    tables, source = engine.ports.tables, run.input
    follows = run.origin.kind is OriginKind.RUN or run.state is not State.SUCCEEDED
    if source is None or not follows:
        return False
    own = run.pipeline if run.origin.kind is not OriginKind.RUN else ""  # no chain is a cycle
    for pipeline in index.pipelines(tables):
        if pipeline == own:
            continue
        for other in index.of_blob(tables, pipeline, source.container, source.name):
            try:
                held = runs.load(tables, other) if other != run.id else None
            except Unreadable as error:
                log_unreadable(error)
                return True
            # A run that follows a failure takes over the input with its pin.
            theirs = held.run.input if held and held.run.purged_at is None else None
            if theirs and theirs.ref == source.ref:
                return True
    return False
