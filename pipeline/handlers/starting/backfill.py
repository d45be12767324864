"""Starts runs for blobs that have none, in slices, from where the last backfill was interrupted.

One instance at a time backfills a pipeline. Its cursor says after which blob it goes on, for a day:
blobs that are uploaded meanwhile have events of their own.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent
from pipeline.handlers import abreast
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting.lost_events import event_of, is_below, rerun, without_run
from pipeline.handlers.starting.start import start_for_blob
from pipeline.handlers.tenure import Tenure, holding_step
from pipeline.ledger.keeping import retention
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Cursor, LongStep
from pipeline.ports.blobs import BlobFacts

_AT_ONCE = 64  # blobs between two looks at the time
_GOES_ON = timedelta(days=1)
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """Which blobs to start: younger than an age, and with `rerun` such as may have run before."""

    pipeline: Pipeline
    younger: timedelta | None = None
    rerun: bool = False

    @property
    def digest(self) -> str:
        """What tells this backfill from one that asks for others."""
        trigger = self.pipeline.trigger.blob
        text = f"{trigger and trigger.model_dump_json()} {self.younger} {self.rerun}"
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def step(self) -> LongStep:
        """The step whose cursor it has."""
        return LongStep(self.pipeline.name, 0, "backfill")


class Place(Stored):
    """How far a backfill is: after which blob of which page of the listing it goes on.

    It looks at blobs that were complete between `since` and `until`, and came there `at` a time.
    """

    of: str
    at: datetime
    since: datetime
    until: datetime
    marker: str = ""
    name: str = ""


@dataclass
class Found:
    """Blobs without a run so far, and how many may have run since they lie below the watermark.

    `after` is the blob after which the search began, if an earlier backfill was interrupted there.
    """

    after: str = ""
    names: list[str] = field(default_factory=list)
    bytes: int = 0
    looked: int = 0
    below: int = 0


@dataclass(frozen=True)
class Slice:
    """The runs that one slice started, and whether no blob is left."""

    started: list[str]
    over: bool


def survey(engine: Engine, asked: Asked, most: int) -> Iterator[Found]:
    """Look for the blobs that a backfill would start, at most so many; yield what is found so far.

    It begins where the backfill will go on.
    """
    cursor = slices.read(engine.ports.tables, asked.step)
    place = _place(engine, asked, cursor)
    found = Found(place.name)
    for _, looked, some in _groups(engine, asked, place):
        found.looked += looked
        for facts, below in some:
            if len(found.names) >= most:
                break
            found.below += below
            if asked.rerun or not below:
                found.names.append(f"{facts.ref.container}/{facts.ref.name}")
                found.bytes += facts.size
        yield found
        if len(found.names) >= most:
            return
    yield found


def go_on(
    engine: Engine, asked: Asked, most: int, told: Callable[[int], object] = lambda _: None
) -> Slice:
    """Start runs for a slice, at most so many; `told` hears how many more have started.

    A blob whose run was started before a crash has one, so nothing starts twice. Raises Elsewhere
    while another instance backfills the pipeline.
    """
    started: list[str] = []
    with holding_step(engine, asked.step) as tenure:
        place = _place(engine, asked, tenure)
        try:
            for after, _, some in _groups(engine, asked, place):
                wanted = [one for one in some if asked.rerun or not one[1]]
                chosen = wanted[: most - len(started)]
                started += abreast.each(partial(_start, engine, asked), chosen)
                told(len(chosen))
                if len(chosen) == len(wanted):
                    _note(tenure, after, len(chosen))
                elif chosen:
                    last = chosen[-1][0].ref.name
                    _note(tenure, after.model_copy(update={"name": last}), len(chosen))
                if len(chosen) < len(wanted) or engine.time_is_up:
                    return Slice(started, over=False)
        except Permanent:
            tenure.note(0, "")  # nobody says for how long a marker is valid: the next begins anew
            raise
        tenure.forget()
    return Slice(started, over=True)


def _note(tenure: Tenure, place: Place, started: int) -> None:
    tenure.note(tenure.position + started, place.model_dump_json())


def begin_anew(engine: Engine, asked: Asked) -> None:
    """Let the next backfill begin with the first blob. Raises Elsewhere."""
    with holding_step(engine, asked.step) as tenure:
        tenure.forget()


def _place(engine: Engine, asked: Asked, kept: Cursor | Tenure | None) -> Place:
    """Return where a backfill begins: where one that asked for the same was interrupted lately."""
    now = engine.now
    place = kept.noted(Place) if kept else None
    if place and place.of == asked.digest and now - place.at < _GOES_ON:
        return place
    since = now - asked.younger if asked.younger else _EVER
    return Place(of=asked.digest, at=now, since=since, until=now)


def _groups(
    engine: Engine, asked: Asked, place: Place
) -> Iterator[tuple[Place, int, list[tuple[BlobFacts, bool]]]]:
    """Look at some blobs at a time, from a place on.

    Yields the place after them, their number, and those without a run; of each whether it lies
    below the watermark.
    """
    trigger, between = asked.pipeline.trigger.blob, (place.since, place.until)
    assert trigger is not None  # noqa: S101 - the command looked
    watermark = retention.watermark(engine.ports.tables, asked.pipeline.name)
    for page in engine.ports.blobs.list_pages(trigger.container, trigger.prefix, place.marker):
        left = page.after(place.name) if page.marker == place.marker else page.blobs
        for some in batched(left, _AT_ONCE, strict=False):
            found = without_run(engine, asked.pipeline, some, between)
            of_each = [(facts, is_below(watermark, facts)) for facts in found]
            update = {"at": engine.now, "marker": page.marker, "name": some[-1].ref.name}
            yield place.model_copy(update=update), len(some), of_each


def _start(engine: Engine, asked: Asked, one: tuple[BlobFacts, bool]) -> str:
    facts, below = one
    if below:
        return rerun(engine, asked.pipeline, facts).run.id
    return start_for_blob(engine, asked.pipeline, event_of(engine, facts)).run.id
