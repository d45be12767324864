"""The completion event: a CloudEvent that names the manifest and says what is missing and why."""

from collections.abc import Mapping, Sequence

from pipeline.domain import naming
from pipeline.domain.run import Run

TYPES = ("fanfare.run.succeeded", "fanfare.run.failed", "fanfare.run.cancelled")
MAX_MISSING = 100


def completion_event(run: Run, missing: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Render the event of a run that has its verdict; `missing` is cut at 100 entries."""
    return {
        "specversion": "1.0",
        "id": naming.event_id(run.id, run.generation, run.state),
        "source": f"/fanfare/pipelines/{run.pipeline}",
        "type": f"fanfare.run.{run.state}",
        "subject": f"runs/{run.id}",
        "time": (run.ended_at or run.changed_at).isoformat(),
        "data": {
            "run": run.id,
            "pipeline": run.pipeline,
            "generation": run.generation,
            "verdict": str(run.state),
            "cause": str(run.cause) if run.cause else None,
            "error": run.error or None,
            "input": _input(run),
            "parameters": run.parameters,
            "output": run.output.model_dump(mode="json") if run.output else None,
            "items": {"succeeded": run.succeeded, "failed": run.failed},
            "missing": list(missing[:MAX_MISSING]),
            "missing_total": len(missing),
            "seconds": round(
                ((run.ended_at or run.changed_at) - run.created_at).total_seconds(), 3
            ),
            "node_seconds": run.node_seconds,
            "cost": {"amount": run.cost, "currency": run.currency} if run.currency else None,
        },
    }


def _input(run: Run) -> dict[str, object] | None:
    if run.input is None:
        return None
    return run.input.model_dump(
        mode="json", include={"container", "name", "etag", "size", "url", "content_type"}
    )
