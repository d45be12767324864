"""Gathers the results of a run's items in slices.

What a slice gathered lies in blobs: outputs in chunks, and everything else in one, whose digest is
all that the step has to keep.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial

from pipeline.domain.outputs.item_ends import ItemEnds, KeptEnds
from pipeline.domain.outputs.kept_parts import PER_CHUNK, Chunk, KeptParts, encoded
from pipeline.domain.outputs.parts import Parts
from pipeline.domain.runs.results import Devices, DeviceUse, TaskResult, TaskSeconds
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.handlers import kept
from pipeline.handlers.collecting import indexing
from pipeline.handlers.collecting.gather import (
    Gathered,
    Place,
    gather,
    generations,
    taken,
    total_items,
)
from pipeline.handlers.engine import Engine
from pipeline.handlers.running.confirming import BatchWord
from pipeline.handlers.tenure import Tenure, TimeIsUp, holding

_STEP = "gathered"

type Walk = Callable[[Engine, Run, BatchWord | None, Gathered, Place], Generator[Place]]


class _Sofar(Stored):
    """What is gathered so far, and the task with which it goes on."""

    generation: int = 0
    task: int = 0
    over: bool = False
    chunks: tuple[Chunk, ...] = ()
    ends: KeptEnds = KeptEnds()
    retrying: bool = False
    lost: tuple[TaskResult, ...] = ()
    rejected: tuple[tuple[TaskResult, str], ...] = ()
    unfinished: tuple[TaskResult, ...] = ()
    devices: tuple[DeviceUse, ...] = ()
    heard: int = 0
    seconds: float = 0.0
    task_seconds: TaskSeconds = TaskSeconds()


class Gathering:
    """The gathering of a run's results, from where it was kept under a digest; "" begins it.

    With `only_ends` it keeps no outputs. `walk` says how results are taken, if not compared with
    Storage.
    """

    def __init__(
        self,
        engine: Engine,
        run: Run,
        digest: str,
        *,
        only_ends: bool = False,
        walk: Walk | None = None,
    ) -> None:
        self._engine, self._run, self._only_ends, self._walk = engine, run, only_ends, walk
        sofar = _Sofar(devices=run.devices)
        if digest:
            content = kept.read(engine, run, _STEP, digest, "what was gathered")
            sofar = _Sofar.model_validate_json(content)
        self._place, self._chunks = Place(sofar.generation, sofar.task), list(sofar.chunks)
        self.over = sofar.over
        self._gathered = Gathered(
            ends=ItemEnds.of(sofar.ends),
            retrying=sofar.retrying,
            lost=list(sofar.lost),
            rejected=list(sofar.rejected),
            unfinished=list(sofar.unfinished),
            devices=Devices(sofar.devices),
            heard=sofar.heard,
            seconds=sofar.seconds,
            task_seconds=sofar.task_seconds,
        )

    @property
    def result(self) -> Gathered:
        """What is gathered, except outputs; all of it once it is over."""
        return self._gathered

    @property
    def outputs(self) -> KeptParts:
        """The outputs that are gathered."""
        read = partial(_read, self._engine, self._run)
        return KeptParts(self._chunks, read, self._gathered.ends)

    def go_on(self, word: BatchWord | None, tenure: Tenure) -> None:
        """Gather until it is over, or the time is up. Raises LeaseLost."""
        for generation, _ in generations(self._run):
            if generation < self._place.generation:
                continue
            if generation > self._place.generation:
                self._place = Place(generation)
            if not self._take(word, tenure):
                return
        self.over = True

    def _take(self, word: BatchWord | None, tenure: Tenure) -> bool:
        """Take results of one generation; return False if the time is up."""
        walk = self._walk or taken
        with closing(walk(self._engine, self._run, word, self._gathered, self._place)) as places:
            for self._place in places:
                if len(self._gathered.parts) >= PER_CHUNK:
                    self._keep_chunk()
                tenure.renew()
                if self._engine.time_is_up:
                    self._keep_chunk()
                    return False
        self._keep_chunk()
        return True

    def keep(self) -> str:
        """Keep what is gathered so far; return its digest."""
        gathered = self._gathered
        sofar = _Sofar(
            generation=self._place.generation,
            task=self._place.task,
            over=self.over,
            chunks=tuple(self._chunks),
            ends=gathered.ends.kept,
            retrying=gathered.retrying,
            lost=tuple(gathered.lost),
            rejected=tuple(gathered.rejected),
            unfinished=tuple(gathered.unfinished),
            devices=gathered.devices.uses,
            heard=gathered.heard,
            seconds=gathered.seconds,
            task_seconds=gathered.task_seconds,
        )
        indexing.write_judged(self._engine, self._run, gathered.index)
        return kept.keep(self._engine, self._run, _STEP, sofar.model_dump_json().encode())

    def _keep_chunk(self) -> None:
        if self._gathered.parts and not self._only_ends:
            chunk, content = encoded(self._place.generation, self._gathered.parts)
            kept.keep(self._engine, self._run, _STEP, content)
            self._chunks.append(chunk)
        self._gathered.parts = Parts()


def former_ends(engine: Engine, run: Run) -> ItemEnds:
    """Return how the items of a run ended before its present generation, which has no plan yet.

    Of many items they are gathered once, in slices. Raises Elsewhere, TimeIsUp, Spoiled.
    """
    if total_items(run) <= indexing.FEW:
        return gather(engine, run).ends
    with holding(engine, run, "gather-former") as tenure:
        gathering = Gathering(engine, run, tenure.body, only_ends=True)
        if not gathering.over:
            gathering.go_on(None, tenure)
            tenure.note(0, gathering.keep())
        if not gathering.over:
            raise TimeIsUp("The results of the generations before are being gathered.")
        return gathering.result.ends


def _read(engine: Engine, run: Run, chunk: Chunk) -> bytes:
    return kept.read(engine, run, _STEP, chunk.sha256, "a list of outputs")
