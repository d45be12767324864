"""The blobs that a run works on, as nodes get them, and how their versions are kept for it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from pipeline.domain.plans.files import local_name
from pipeline.domain.plans.plan import Delivery, PlannedInput
from pipeline.domain.plans.split import PlanError
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Input, Run
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning.work import Drawn
from pipeline.ports.blobs import BlobFacts
from pipeline.settings import Pin

_AT_ONCE = 16
_AHEAD = 32


def of(run: Run) -> Input:
    """Return the run's input. Raises PlanError if it has none."""
    if run.input is None:
        raise PlanError("this split needs an input blob, but the run has none")
    return run.input


def shared(
    engine: Engine, run: Run, delivery: Delivery = Delivery.TASK
) -> tuple[PlannedInput, ...]:
    """Describe the run's pinned input for nodes; empty without an input."""
    if run.input is None:
        return ()
    return (
        PlannedInput(
            file=local_name("input", run.input.name),
            name=run.input.name,
            url=engine.ports.blobs.url(run.input.ref),
            size=run.input.size,
            delivery=delivery,
        ),
    )


def pin(engine: Engine, run: Run, ref: BlobRef, etag: str) -> BlobRef:
    """Keep exactly this version of a blob for a run; return where it is.

    Raises Conflict if there is another one, NotFound, or Permanent.
    """
    if engine.pin is Pin.SNAPSHOT:
        return engine.ports.writer.snapshot(ref, etag)
    target = run.names.pin(ref, etag)
    engine.ports.writer.copy(ref, target)
    # An ETag never comes back: if it is still this one, every byte was copied from this version.
    present = engine.ports.blobs.head(ref)
    if present is None or present.etag != etag:
        engine.ports.writer.delete(target)
        raise Conflict(f"A blob of {ref.container} is another version by now.")
    return target


def pinned(engine: Engine, run: Run, item: int, facts: BlobFacts) -> tuple[PlannedInput, ...]:
    """Pin a blob for one item."""
    ref = pin(engine, run, facts.ref, facts.etag)
    name = facts.ref.name
    url = engine.ports.blobs.url(ref)
    return (PlannedInput(file=local_name(str(item), name), name=name, url=url, size=facts.size),)


def fetched(
    drawn: Iterable[Drawn], enough: Callable[[Drawn], bool] = lambda _: False
) -> Generator[Drawn]:
    """Fetch what items need, several at a time, and yield them in their order.

    Nothing is drawn after what is `enough`.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pin") as pool:
        begun: deque[tuple[Drawn, Future[tuple[PlannedInput, ...]] | None]] = deque()
        try:
            for one in drawn:
                begun.append((one, pool.submit(one.fetch) if one.fetch else None))
                if begun[0][1] is None or len(begun) > _AHEAD:
                    yield _whole(*begun.popleft())
                if enough(one):
                    break
            while begun:
                yield _whole(*begun.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _whole(one: Drawn, own: Future[tuple[PlannedInput, ...]] | None) -> Drawn:
    return replace(one, own=own.result(), fetch=None) if own else one
