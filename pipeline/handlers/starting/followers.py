"""Starts the pipelines that follow a run, from the verdict that is being announced.

The outbox keeps a verdict until it is announced, so followers start as surely as the event comes.
Each starts once for a generation: the id of its run derives from the run, the generation and the
verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.trigger import RunTrigger
from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.naming import MANIFEST, BlobRef, Generation
from pipeline.domain.runs.run import Input, Origin, OriginKind, Run
from pipeline.errors import Permanent
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.start import input_of, start
from pipeline.ledger import runs


@dataclass(frozen=True)
class Verdict:
    """What an event says: which generation of which run ended how."""

    run: str
    generation: int
    verdict: str

    @classmethod
    def of(cls, event: Mapping[str, object]) -> Self | None:
        """Read a completion event; None if it is none that this release knows."""
        try:
            data = _Data.model_validate(event.get("data"))
        except ValidationError:
            return None
        return cls(data.run, data.generation, data.verdict)

    @property
    def key(self) -> tuple[str, ...]:
        """The key of the runs that it starts."""
        return (OriginKind.RUN, self.run, str(self.generation), self.verdict)


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore")

    run: str
    generation: int
    verdict: str


def start_followers(engine: Engine, event: Mapping[str, object]) -> None:
    """Start every pipeline that follows this verdict; one that cannot start stops no other.

    Raises Transient.
    """
    verdict = Verdict.of(event)
    if verdict is None:
        return
    for pipeline, trigger in _followers(engine, verdict):
        held = runs.load(engine.ports.tables, verdict.run)
        if held is None:
            return
        try:
            origin = Origin(
                kind=OriginKind.RUN, key=verdict.key, at=held.run.ended_at or engine.now
            )
            by = Asker.of_trigger(f"run {held.run.pipeline}", verdict.run)
            source = _input(engine, trigger, verdict, held.run)
            start(engine.asked_by(by), pipeline, origin, source, {})
        except Permanent as error:
            log.error(
                "Follower not started",
                extra={
                    "action": "follow",
                    "pipeline": pipeline.name,
                    "run": verdict.run,
                    "reason": str(error),
                },
            )


def _followers(engine: Engine, verdict: Verdict) -> Iterator[tuple[Pipeline, RunTrigger]]:
    before = naming.pipeline_of(verdict.run)
    for pipeline in engine.catalogue.pipelines.values():
        trigger = pipeline.trigger.run
        if trigger and (trigger.pipeline, str(trigger.on)) == (before, verdict.verdict):
            yield pipeline, trigger


def _input(engine: Engine, trigger: RunTrigger, verdict: Verdict, run: Run) -> Input | None:
    """Return a file of the output, its manifest, or the input of a run that did not succeed."""
    if not trigger.has_output:
        return run.input
    ref = Generation(verdict.run, verdict.generation).output(trigger.file or MANIFEST)
    depth = 1 + (run.input.depth if run.input else 0)
    facts = engine.ports.blobs.head(ref)
    url = engine.ports.blobs.url(ref)
    found = input_of(facts, url) if facts else _missing(ref, url)
    return found.model_copy(update={"depth": depth})


def _missing(ref: BlobRef, url: str) -> Input:
    """Describe a file that the output lacks: the run will say so when it pins its input."""
    return Input(container=ref.container, name=ref.name, etag="", size=0, url=url)
