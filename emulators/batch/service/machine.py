"""What nodes are made of: folders and commands. `machines` holds a real and a simulated kind."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from emulators.batch.document import Doc
from emulators.batch.model.node import Node
from emulators.batch.model.usage import Usage
from emulators.batch.scheduler.verdict import Ending, Failure
from emulators.batch.transfer.output_files import Upload


class Execution(Protocol):
    """One command on one node."""

    async def run(self, *, lingers: bool = False) -> Ending:
        """Fetch its files and run it; may raise AgentLost.

        Processes that it leaves running end with it. If it lingers, they live until it is killed.
        """
        ...

    async def kill(self) -> None:
        """Kill it and wait until it is gone."""
        ...

    def has_left(self) -> bool:
        """Tell whether it lingers and has left something running."""
        ...

    def usage(self) -> Usage | None:
        """Return what its ended process used, or None if that is unknown."""
        ...

    async def upload(
        self,
        outputs: list[Doc],
        *,
        succeeded: bool,
        arrange: Callable[[list[Upload]], None],
        disturb: Callable[[Upload], Awaitable[None]],
    ) -> None:
        """Upload its output files, in the order of `arrange`; may raise TransferFailed."""
        ...


class Machine(Protocol):
    """Carries out what the service decides about nodes."""

    async def start(self) -> None:
        """Get ready; afterwards nothing of an earlier process runs any more."""
        ...

    async def close(self) -> None:
        """End everything that runs."""
        ...

    def furnish(self, node: Node) -> None:
        """Make a node's folders."""
        ...

    async def equip(self, node: Node, pool: Doc) -> Failure | None:
        """Bring what the pool's configuration promises to a node, or return what is missing."""
        ...

    async def clear(self, folder: Path) -> None:
        """Delete a folder on a node."""
        ...

    async def scrap(self, node: Node) -> None:
        """Delete everything of a node."""
        ...

    def note(self, node: Node, what: str) -> None:
        """Write down what happened on a node."""
        ...

    def logs(self, node: Node, since: datetime, until: datetime | None) -> list[Path]:
        """Return the files that tell what happened on a node in a period of time."""
        ...

    def execution(
        self, node: Node, spec: Doc, directory: Path, *, job_id: str = "", task_id: str = ""
    ) -> Execution:
        """Describe a command on a node; start tasks belong to no job."""
        ...
