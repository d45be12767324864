"""Nodes without folders and tasks without processes: they take emulated time and then end."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from emulators.batch.document import Doc, seconds_of
from emulators.batch.model.node import Node
from emulators.batch.model.usage import Usage
from emulators.batch.scheduler.verdict import Ending, Failure, process_ended, time_is_up
from emulators.batch.service.context import Context
from emulators.batch.transfer.output_files import Upload

SECONDS, EXIT_CODE = "SIMULATED_SECONDS", "SIMULATED_EXIT_CODE"
_KILLED = 137


class SimulatedMachine:
    """Runs nothing: each task declares its length and exit code in its environment settings."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def start(self) -> None:
        """Start nothing, because an earlier process has left nothing."""

    async def close(self) -> None:
        """End nothing."""

    def furnish(self, node: Node) -> None:
        """Make no folders."""

    async def equip(self, node: Node, pool: Doc) -> Failure | None:
        """Succeed, because a simulated node needs nothing."""
        return None

    async def clear(self, folder: Path) -> None:
        """Delete nothing."""

    async def scrap(self, node: Node) -> None:
        """Delete nothing."""

    def note(self, node: Node, what: str) -> None:
        """Write nothing."""

    def logs(self, node: Node, since: datetime, until: datetime | None) -> list[Path]:
        """Return no logs."""
        return []

    def execution(
        self, node: Node, spec: Doc, directory: Path, *, job_id: str = "", task_id: str = ""
    ) -> "SimulatedExecution":
        """Read how long a command takes and how it exits."""
        return SimulatedExecution(self._ctx, spec)


class SimulatedExecution:
    """One command: only its length and its exit code count."""

    __slots__ = ("_ctx", "_spec")

    def __init__(self, ctx: Context, spec: Doc) -> None:
        self._ctx, self._spec = ctx, spec

    async def run(self, *, lingers: bool = False) -> Ending:
        """Wait for the declared time, or for the time limit if that is shorter."""
        declared = {
            one.get("name"): one.get("value") for one in self._spec.get("environmentSettings") or ()
        }
        seconds = _number(declared.get(SECONDS), self._ctx.options.simulated_seconds)
        limit = seconds_of((self._spec.get("constraints") or {}).get("maxWallClockTime"))
        if limit is not None and limit < seconds:
            await self._ctx.clock.sleep(limit)
            return time_is_up(_KILLED)
        await self._ctx.clock.sleep(seconds)
        return process_ended(int(_number(declared.get(EXIT_CODE), 0)))

    async def kill(self) -> None:
        """Do nothing, because no process runs."""

    def has_left(self) -> bool:
        """Return False, because no process runs."""
        return False

    def usage(self) -> Usage | None:
        """Return None, because nothing is measured."""
        return None

    async def upload(
        self,
        outputs: list[Doc],
        *,
        succeeded: bool,
        arrange: Callable[[list[Upload]], None],
        disturb: Callable[[Upload], Awaitable[None]],
    ) -> None:
        """Upload nothing."""


def simulated_task(task_id: str, *, seconds: float, exit_code: int = 0, **more: object) -> Doc:
    """Return the body of a task that takes so many emulated seconds."""
    settings = [{"name": SECONDS, "value": f"{seconds:g}"}]
    if exit_code:
        settings.append({"name": EXIT_CODE, "value": str(exit_code)})
    return {"id": task_id, "commandLine": "simulated", "environmentSettings": settings, **more}


def _number(text: object, default: float) -> float:
    try:
        return float(str(text)) if text is not None else default
    except ValueError:
        return default
