"""Brings the output of a run into a folder, together with its manifest."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from pipeline.cli.exits import CommandError
from pipeline.cli.fetching import folder as folders
from pipeline.cli.fetching.checking import (
    MANIFEST_PATH,
    Advance,
    files_by_path,
    judged,
    manifest_bytes,
)
from pipeline.cli.fetching.committed import Committed
from pipeline.cli.fetching.download import Download, part_of
from pipeline.cli.fetching.folder import Folder
from pipeline.cli.fetching.reasons import explained
from pipeline.cli.views import wording
from pipeline.domain.outputs.agreement import Agreement
from pipeline.domain.runs.manifest import Manifest, ManifestPage, OutputFile
from pipeline.domain.texts.visible import visible

type Files = Mapping[PurePosixPath, OutputFile]
type Shown = Callable[
    [str, int], AbstractContextManager[Advance]
]  # what is done, of how many bytes


@dataclass(frozen=True)
class Fetched:
    """What a folder has now: how many files were fetched, were there, or have no SHA-256."""

    folder: Path
    files: Sequence[PurePosixPath]
    fetched: int
    kept: int
    unknown: int


def get(output: Committed, path: Path, shown: Shown, *, replace: bool = False) -> Fetched:
    """Fetch what is not there yet. Raises CommandError, before a byte is fetched if it can.

    With `replace` files that were changed are fetched anew; else they are refused.
    """
    files = files_by_path(output.manifest, output.page)
    with folders.opened(path, create=True) as folder:
        folder.lock()
        _check_owner(folder, output)
        with shown("check", sum(file.size for file in files.values())) as advance:
            there = judged(folder, files, advance)
        states = {path: one.agreement for path, one in zip(files, there, strict=True)}
        if not replace:
            _check_changed(folder, states)
        wanted = {p: f for p, f in files.items() if _wants(states[p])}
        size = sum(file.size for file in wanted.values())
        _check_room(folder, wanted, size)
        _write_manifest(folder, output.content)
        with shown("fetch", size) as advance:
            Download(output.outputs, output.run, folder, advance).all(wanted)
    listed = [at for at, file in files.items() if not isinstance(file, ManifestPage)]
    fetched = sum(at in wanted for at in listed)
    unknown = sum(states[at] is Agreement.UNKNOWN for at in listed)
    return Fetched(path, listed, fetched, len(listed) - fetched, unknown)


def _wants(state: Agreement) -> bool:
    return state in (Agreement.MISSING, Agreement.CHANGED)


def _check_owner(folder: Folder, output: Committed) -> None:
    """Raise CommandError if the folder has the output of another run, or of another generation."""
    there = manifest_bytes(folder)
    if there in (None, output.content):
        return
    try:
        other = Manifest.model_validate_json(there or b"")
        whose = f"the output of run {visible(other.run)}, generation {other.generation}"
    except ValidationError:
        whose = f"a {MANIFEST_PATH} that no run wrote"
    raise CommandError(f"{_name(folder)} has {whose}: name another folder.")


def _check_changed(folder: Folder, states: Mapping[PurePosixPath, Agreement]) -> None:
    changed = [path for path, state in states.items() if state is Agreement.CHANGED]
    if changed:
        more = f" and {wording.count(len(changed) - 1, 'more file')}" if len(changed) > 1 else ""
        raise CommandError(
            f"{_name(folder)} has another {visible(str(changed[0]))}{more} than the run: "
            "name another folder, or replace what is there with --replace."
        )


def _check_room(folder: Folder, wanted: Files, size: int) -> None:
    needed = size - sum(_begun(folder, path) for path in wanted)
    if needed > folder.free:
        raise CommandError(
            f"The disk of {_name(folder)} has {wording.size(folder.free)} free, and the files need "
            f"{wording.size(needed)}: free some space, or name a folder on another disk."
        )


def _begun(folder: Folder, path: PurePosixPath) -> int:
    """Return how many bytes of a file an earlier call has left."""
    with explained(folder.path / path):
        return folder.size_of(part_of(path))


def _write_manifest(folder: Folder, content: bytes) -> None:
    """Write the manifest first: from then on the folder belongs to this run."""
    if manifest_bytes(folder) == content:
        return
    part = part_of(MANIFEST_PATH)
    with explained(folder.path / MANIFEST_PATH):
        with folder.going_on(part) as opened:
            opened.truncate()
            opened.write(content)
        folder.rename(part, MANIFEST_PATH.name)


def _name(folder: Folder) -> str:
    return visible(str(folder.path))
