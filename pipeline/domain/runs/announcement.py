"""The completion event: a CloudEvent that names the manifest and says what is missing and why.

An event that exceeds a queue message never reaches a queue. So long events are shortened to fit.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema

from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.manifest import Missing
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Output, Run

MAX_MISSING = 100
# A queue message holds 64 KiB, and Event Grid writes the event into it as Base64: 48 KiB at most.
MAX_BYTES = 45_000

type Data = dict[str, object]


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
    """How many items succeeded and failed; items that never ran or never ended count as failed."""

    succeeded: int
    failed: int
    without_output: int = Field(description="How many succeeded, but wrote nothing.")


class Cost(_Part):
    """An estimate of what the node-seconds cost, without the nodes' boot and idle time.

    It uses the pool's price, weighted by its share of spot nodes.
    """

    amount: float
    currency: str


class Completion(_Part):
    """The `data` of a completion event."""

    run: str
    pipeline: str
    generation: int
    verdict: Literal["succeeded", "failed", "cancelled"]
    by: Asker | None = Field(
        default=None,
        description="Who asked for this generation: who or what started it, or redrove it. "
        "Absent or null if an earlier release started it.",
    )
    cancelled_by: Asker | None = Field(
        default=None, description="Who cancelled it; null unless it was cancelled."
    )
    cause: Cause | None
    error: str | None
    obstacle: Obstacle | None = Field(
        description="What the run waited for when its time limit ended it."
    )
    input: AnnouncedInput | None
    parameters: dict[str, str | int | float | bool]
    output: Output | None = Field(description="The manifest lists every file with its digest.")
    items: ItemCounts
    missing: tuple[Missing, ...] = Field(
        max_length=MAX_MISSING,
        description="The first missing items. If the event does not fit a queue message of 64 KiB, "
        "tails are shortened first, then entries are left out; the manifest has more.",
    )
    missing_total: int = Field(description="How many items are missing in total.")
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
    """Render the completion event of a run, shortened until it fits a queue message.

    At most 100 entries of `missing` are kept; `missing_total` is the run's own count.
    """
    ended = run.ended_at or run.changed_at
    event = CompletionEvent.model_validate(
        {
            "id": run.names.event(run.state),
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
                "by": run.by,
                "cancelled_by": run.cancelled_by,
                "cause": run.cause,
                "error": run.error or None,
                "obstacle": run.obstacle,
                "input": _input(run),
                "parameters": run.parameters,
                "output": run.output,
                "items": {
                    "succeeded": run.succeeded,
                    "failed": run.failed,
                    "without_output": run.without_output,
                },
                "missing": tuple(missing[:MAX_MISSING]),
                "missing_total": run.failed,
                "seconds": round((ended - run.created_at).total_seconds(), 3),
                "node_seconds": run.node_seconds,
                "cost": {"amount": run.cost, "currency": run.currency} if run.currency else None,
            },
        }
    )
    # CloudEvents has no null: an attribute is present or absent.
    left_out = None if event.traceparent else {"traceparent"}
    return _fitted(event.model_dump(mode="json", exclude=left_out))


def _fitted(event: Data) -> Data:
    data = event["data"]
    assert isinstance(data, dict)  # noqa: S101 - it is dumped from the model
    for shorten in _SHORTENINGS:
        # Measured as it is sent: the SDK escapes characters outside ASCII.
        if len(json.dumps(event)) <= MAX_BYTES:
            break
        data |= shorten(data)
    return event


def _tails(characters: int) -> Callable[[Data], Data]:
    def shorten(data: Data) -> Data:
        entries = _entries_of(data)
        return {"missing": [{**e, "tail": str(e["tail"])[:characters]} for e in entries]}

    return shorten


def _entries(count: int) -> Callable[[Data], Data]:
    return lambda data: {"missing": _entries_of(data)[:count]}


def _texts(characters: int) -> Callable[[Data], Data]:
    """Shorten the other texts: parameters, the error, and the input's content type."""

    def cut(value: object) -> object:
        return value[:characters] if isinstance(value, str) else value

    def shorten(data: Data) -> Data:
        parameters, source = data["parameters"], data["input"]
        assert isinstance(parameters, dict)  # noqa: S101 - as in the model
        shorter: Data = {
            "error": cut(data["error"]),
            "parameters": {name: cut(value) for name, value in parameters.items()},
        }
        if isinstance(source, dict):
            shorter["input"] = {**source, "content_type": cut(source["content_type"])}
        return shorter

    return shorten


def _entries_of(data: Data) -> list[Data]:
    entries = data["missing"]
    assert isinstance(entries, list)  # noqa: S101 - as in the model
    return entries


def _no_parameters(_data: Data) -> Data:
    return {"parameters": {}}


_SHORTENINGS: tuple[Callable[[Data], Data], ...] = (
    *(_tails(characters) for characters in (200, 80, 0)),
    *(_entries(count) for count in (50, 25, 10)),
    *(_texts(characters) for characters in (1000, 500, 200)),
    _entries(0),
    *(_texts(characters) for characters in (80, 20)),
    _no_parameters,
)


def _input(run: Run) -> dict[str, object] | None:
    if run.input is None:
        return None
    return run.input.model_dump(
        mode="json", include={"container", "name", "etag", "size", "url", "content_type"}
    )
