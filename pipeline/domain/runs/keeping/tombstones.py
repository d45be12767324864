"""Tombstones: what is left of a run's row when its parts are deleted.

It says that this input version had its run, and how that ended. Earlier releases read it as a run
that was purged, and whose definition they cannot read: they neither start nor redrive it.
"""

from datetime import datetime

from pipeline.domain.runs.asking.history import Act, Asked
from pipeline.domain.runs.run import Input, Origin, Run

NO_DEFINITION = "{}"
# Of these fields nothing is left; they take their defaults.
_FORGOTTEN = (
    "parameters", "scripts", "images", "deadline", "seal", "plan", "chosen", "earlier", "job",
    "executions", "devices", "peak_memory", "peak_disk", "task_seconds", "error", "why", "obstacle",
    "traceparent",
)  # fmt: skip


def tombstone(run: Run, now: datetime, step: str) -> Run:
    """Return what is left of a run that is over."""
    defaults = {name: Run.model_fields[name].get_default(call_default_factory=True)
                for name in _FORGOTTEN}  # fmt: skip
    return run.model_copy(
        update={
            **defaults,
            "definition": NO_DEFINITION,
            "input": _input(run.input) if run.input else None,
            "asked": _asked(run.asked),
            "purged_at": run.purged_at or now,
            "step": step,
        }
    )


def is_tombstone(run: Run) -> bool:
    """Return whether only the tombstone of a run is left."""
    return run.purged_at is not None and run.definition == NO_DEFINITION


def found(run: str, pipeline: str, origin: Origin, at: datetime) -> dict[str, object]:
    """Return the fields that a tombstone needs, for a run of which only traces are left."""
    return {
        "id": run, "pipeline": pipeline, "origin": origin, "definition": NO_DEFINITION,
        "pool": "-", "created_at": at, "changed_at": at, "purged_at": at,
    }  # fmt: skip


def _input(source: Input) -> Input:
    """Return the input's identity, by which a changed ETag of the same content is recognised."""
    return source.model_copy(update={"snapshot": None, "content_type": "", "sequencer": ""})


def _asked(history: tuple[Asked, ...]) -> tuple[Asked, ...]:
    """Keep who started the run and who purged it."""
    return tuple(entry for entry in history if entry.act in (Act.START, Act.PURGE))[:2]
