"""Keeps other commands from writing into a folder at the same time."""

from contextlib import ExitStack
from pathlib import Path

from pipeline.cli.exits import CommandError
from pipeline.cli.project.locks import Held, claimed
from pipeline.domain.outputs.file_names import MARK
from pipeline.domain.texts.visible import visible


def hold(folder: Path, handle: int | None, held: ExitStack) -> None:
    """Keep other commands from writing into a folder until `held` closes. Raises CommandError.

    An open folder is locked itself. Where the system cannot do that, a file in it says so, under a
    name that no output can have.
    """
    said = f"Another command writes into {visible(str(folder))} now: wait for its end."
    if handle is not None and _locked(handle, said):
        return
    file = folder / f"{MARK}held"
    try:
        held.enter_context(claimed(file))
    except Held as error:
        raise CommandError(f"{said} If none does, remove {file.name} there.") from error


def _locked(handle: int, said: str) -> bool:
    """Lock an open folder; return whether the system can do that."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CommandError(said) from error
    return True
