"""What an ended run leaves besides its output, and its deletion in slices.

One instance at a time deletes. Most of what is deleted needs no cursor: the next slice begins with
what is still there. The pages of plans need one, since those that are gone have no list: it says
which page, and which of its pins, comes next.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent
from pipeline.handlers import abreast, published
from pipeline.handlers.collecting.gather import generations
from pipeline.handlers.engine import Engine
from pipeline.handlers.tenure import Tenure, holding_step
from pipeline.ledger import index, runs, tasks
from pipeline.ledger.rows import Unreadable, log_unreadable
from pipeline.ledger.steps.slices import LongStep
from pipeline.ports.blobs import BlobFacts

_AT_ONCE = 64  # blobs between two looks at the time
_ROWS = 500

type Told = Callable[[int], object]


@dataclass
class Allowance:
    """How much one invocation may still delete or look at, and until when, if there is an end."""

    left: int
    until: datetime | None = None

    def takes(self, engine: Engine, count: int = 1) -> bool:
        """Count so many pieces of work; return whether there was room for them."""
        if self.left <= 0 or self.is_late(engine):
            return False
        self.left -= count
        return True

    def is_late(self, engine: Engine) -> bool:
        """Return whether the time is up."""
        return self.until is not None and engine.now > self.until


class _Place(Stored):
    """What comes next of a run's plans: a page of a generation, and of its pins the first left."""

    generation: int = 0
    page: int = 0
    pin: int = 0

    def after(self, deleted: int) -> "_Place":
        """Return the place after so many more pins of this page."""
        return self.model_copy(update={"pin": self.pin + deleted})


_FIRST = _Place()


def erase(
    engine: Engine,
    run: Run,
    allowance: Allowance,
    told: Told = lambda _: None,
    first: Iterable[BlobRef] = (),
) -> bool:
    """Delete what a purged run left, as far as the allowance goes; return whether that is all.

    `told` hears how many blobs or rows each piece of work deleted. Blobs named by `first` come
    first. Raises Elsewhere while another instance deletes.
    """
    with holding_step(engine, LongStep(run.id, 0, "purge")) as tenure:
        erasure = _Erasure(engine, run, allowance, told, tenure)
        done = (
            erasure.of_blobs(first)
            and erasure.of_plans()
            and erasure.of_blobs(facts.ref for facts in belongings(engine, run, output=False))
            and erasure.of_rows()
            and erasure.of_blobs(input_copies(engine, run))  # these have no list of what is left
        )
        if done:
            tenure.forget()
        return done


@dataclass
class _Erasure:
    """One invocation's deletion of what a run left. Its parts return whether they were all.

    It deletes something, or looks at one page, even if the time is up, so that each slice gets on.
    """

    engine: Engine
    run: Run
    allowance: Allowance
    told: Told
    tenure: Tenure
    worked: bool = False

    def of_blobs(self, refs: Iterable[BlobRef]) -> bool:
        """Delete blobs, some at a time."""
        groups = batched(refs, _AT_ONCE, strict=False)
        return all(self._some(some) == len(some) for some in groups)

    def of_plans(self) -> bool:
        """Delete the pages of all plans, each after the pins that it names, from a place on.

        The place after the last page is noted, too: nobody looks again at pages that are gone.
        """
        place = self.tenure.noted(_Place) or _FIRST
        for generation, number, (page, pins) in _pages(self.engine, self.run, place):
            here = _Place(generation=generation, page=number)
            if here.model_copy(update={"pin": place.pin}) == place:
                here = place
            here, whole = self._of_page(here, [*pins, page] if page else [])
            if whole:
                here = _Place(generation=generation, page=number + 1)
                self.worked = True
            if not whole or self._is_over():
                self._note(here)
                return False
            self.tenure.renew(here.model_dump_json())
        after = _Place(generation=self.run.generation + 1)
        if after != place:
            self._note(after)
        return True

    def of_rows(self) -> bool:
        """Delete the rows of tasks and progress."""
        tables, run = self.engine.ports.tables, self.run
        while not self._is_over():
            rows = max(1, min(_ROWS, self.allowance.left))
            deleted = tasks.forget(tables, run.id, run.generation, rows)
            self._count(deleted)
            if deleted < rows:
                return True
        return False

    def _of_page(self, here: _Place, refs: list[BlobRef]) -> tuple[_Place, bool]:
        """Delete a page and its pins from a place on; return the next, and whether it is gone."""
        for some in batched(refs[here.pin :], _AT_ONCE, strict=False):
            deleted = self._some(some, here)
            here = here.after(deleted)
            if deleted < len(some):
                return here, False
        return here, True

    def _some(self, refs: tuple[BlobRef, ...], here: _Place | None = None) -> int:
        """Delete blobs that were asked for, or the first of them; return how many.

        Those of a plan begin `here`.
        """
        if self._is_over():
            return 0
        refs = refs[: self.allowance.left]
        for _ in abreast.each(self.engine.ports.writer.delete, refs):
            pass
        self._count(len(refs), here and here.after(len(refs)))
        return len(refs)

    def _is_over(self) -> bool:
        late = self.worked and self.allowance.is_late(self.engine)
        return late or self.allowance.left <= 0

    def _count(self, deleted: int, place: _Place | None = None) -> None:
        self.worked = self.worked or deleted > 0
        self.allowance.left -= deleted
        self.told(deleted)
        self.tenure.renew(place.model_dump_json() if place else None)

    def _note(self, place: _Place) -> None:
        self.tenure.note(self.tenure.position + 1, place.model_dump_json())


def item_pins(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Yield the snapshots that a run took of blobs for single items, as its plan names them."""
    for _, _, (_, pins) in _pages(engine, run):
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


def _pages(
    engine: Engine, run: Run, since: _Place = _FIRST
) -> Iterator[tuple[int, int, tuple[BlobRef | None, list[BlobRef]]]]:
    """Yield the pages of all plans from a place on, each with its generation, number and pins.

    Of one that is gone, or that another release wrote, there is neither.
    """
    for generation, plan in generations(run):
        if generation < since.generation:
            continue
        expected = published.PageDigests(engine, plan)
        first = since.page if generation == since.generation else 0
        for number in range(first, plan.pages):
            try:
                read = published.read_page(engine, plan, number, expected)
            except (Permanent, ValueError):
                yield generation, number, (None, [])
                continue
            urls = [blob.url for task in read.page.tasks for blob in task.inputs]
            refs = [_snapshot(engine, url) for url in urls if "?" in url]
            mine = {ref for ref in refs if ref and not (run.input and ref == run.input.ref)}
            yield generation, number, (read.blob, sorted(mine))


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
