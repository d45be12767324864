"""Finds the files that become the blobs of items: those that a list names, or that lie there."""

from pathlib import Path
from typing import NamedTuple

from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs.naming import BlobRef


class Listed(NamedTuple):
    """A file, and the blob that it becomes."""

    file: Path
    ref: BlobRef


def files(pipeline: Pipeline, folder: Path) -> list[Listed]:
    """Return every file of a folder; names of blobs begin with the folder's own.

    Raises CommandError.
    """
    listing = pipeline.split.manifest or pipeline.split.blobs
    if listing is None or listing.container is None:
        raise CommandError(
            "--with is for pipelines whose items are blobs (split.manifest.container or "
            f"split.blobs.container), and {pipeline.name} splits {pipeline.split.kind}.",
            Exit.USAGE,
        )
    if not folder.is_dir():
        raise CommandError(f"There is no folder {folder}.", Exit.USAGE)
    whole = folder.resolve()
    found = [path for path in sorted(whole.rglob("*")) if path.is_file() and not path.is_symlink()]
    if not found:
        raise CommandError(f"{folder} has no files to upload.", Exit.USAGE)
    above = whole.parent
    return [
        Listed(file, BlobRef(listing.container, file.relative_to(above).as_posix()))
        for file in found
    ]
