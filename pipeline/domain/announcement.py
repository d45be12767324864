"""The completion event: a CloudEvent that names the manifest and says what is missing and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from pipeline.domain import naming
from pipeline.domain.causes import Cause
from pipeline.domain.manifest import Missing
from pipeline.domain.run import Output, Run

MAX_MISSING = 100


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnnouncedInput(_Part):
    """The blob version that the run worked on."""

    container: str
    name: str
    etag: str
    size: int
    url: str
    content_type: str


class ItemCounts(_Part):
    """How many items came out how."""

    succeeded: int
    failed: int


class Cost(_Part):
    """What the node-seconds cost at the pool's price; boot and idle time are not in it."""

    amount: float
    currency: str


class Completion(_Part):
    """The `data` of a completion event."""

    run: str
    pipeline: str
    generation: int
    verdict: Literal["succeeded", "failed", "cancelled"]
    cause: Cause | None
    error: str | None
    input: AnnouncedInput | None
    parameters: dict[str, str | int | float | bool]
    output: Output | None = Field(description="The manifest lists every file with its digest.")
    items: ItemCounts
    missing: tuple[Missing, ...] = Field(max_length=MAX_MISSING)
    missing_total: int
    seconds: float = Field(description="From claim to verdict.")
    node_seconds: float
    cost: Cost | None


def _drop_default(schema: JsonDict) -> None:
    """Leave out a default that is never sent."""
    del schema["default"]


class CompletionEvent(_Part):
    """The CloudEvents 1.0 envelope. Delivered at least once: drop repeats by (source, id)."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: Literal["fanfare.run.succeeded", "fanfare.run.failed", "fanfare.run.cancelled"]
    subject: str
    time: datetime
    traceparent: str | SkipJsonSchema[None] = Field(
        default=None,
        description="The run's trace (W3C Trace Context), for subscribers who continue it.",
        json_schema_extra=_drop_default,
    )
    data: Completion


def completion_event(run: Run, missing: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Render the event of a run that has its verdict; `missing` is cut at 100 entries."""
    ended = run.ended_at or run.changed_at
    event = CompletionEvent.model_validate(
        {
            "id": naming.event_id(run.id, run.generation, run.state),
            "source": f"/fanfare/pipelines/{run.pipeline}",
            "type": f"fanfare.run.{run.state}",
            "subject": f"runs/{run.id}",
            "time": ended,
            "traceparent": run.traceparent or None,
            "data": {
                "run": run.id,
                "pipeline": run.pipeline,
                "generation": run.generation,
                "verdict": str(run.state),
                "cause": run.cause,
                "error": run.error or None,
                "input": _input(run),
                "parameters": run.parameters,
                "output": run.output,
                "items": {"succeeded": run.succeeded, "failed": run.failed},
                "missing": tuple(missing[:MAX_MISSING]),
                "missing_total": len(missing),
                "seconds": round((ended - run.created_at).total_seconds(), 3),
                "node_seconds": run.node_seconds,
                "cost": {"amount": run.cost, "currency": run.currency} if run.currency else None,
            },
        }
    )
    # CloudEvents knows no null: an attribute is there or not.
    return event.model_dump(mode="json", exclude=None if event.traceparent else {"traceparent"})


def _input(run: Run) -> dict[str, object] | None:
    if run.input is None:
        return None
    return run.input.model_dump(
        mode="json", include={"container", "name", "etag", "size", "url", "content_type"}
    )
