"""Compares a folder with a manifest; asks nobody, so that it works without a target."""

import hashlib
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched
from pathlib import PurePosixPath
from typing import BinaryIO

from pydantic import ValidationError

from pipeline.cli.exits import CommandError
from pipeline.cli.fetching.folder import Folder
from pipeline.cli.fetching.reasons import explained
from pipeline.domain.outputs.agreement import Agreement, Found, Judgement, digest_of, judge
from pipeline.domain.outputs.file_names import paths_of
from pipeline.domain.runs.manifest import Manifest, ManifestPage, OutputFile, files_of
from pipeline.domain.runs.naming import MANIFEST
from pipeline.domain.texts.visible import visible

CHUNK = 1 << 20
AT_ONCE, BEGUN = 8, 1_000  # files that are worked on together, and that threads are given
MANIFEST_PATH = PurePosixPath(MANIFEST)

type Advance = Callable[[int], None]


def manifest_in(folder: Folder) -> Manifest:
    """Read the manifest that `fanfare get` left in a folder. Raises CommandError."""
    content = manifest_bytes(folder)
    shown = visible(str(folder.path / MANIFEST))
    if content is None:
        raise CommandError(f"There is no {shown}: `fanfare get RUN FOLDER` writes it.")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise CommandError(
            f"{shown} is not a manifest: fetch the output anew, into another folder."
        ) from error


def manifest_bytes(folder: Folder) -> bytes | None:
    """Return what the file of the manifest has, or None if there is no file."""
    if folder.look(MANIFEST_PATH) is None:
        return None
    with explained(folder.path / MANIFEST), folder.reading(MANIFEST_PATH) as opened:
        return opened.read()


def files_by_path(
    manifest: Manifest, read: Callable[[ManifestPage], bytes]
) -> dict[PurePosixPath, OutputFile]:
    """Return the files of an output by their paths, and the pages of its manifest.

    `read` returns the content of a page. Raises Permanent for an unsafe name, and PageChanged.
    """
    files = {file.name: file for file in (*manifest.pages, *files_of(manifest, read))}
    return {path: files[name] for name, path in paths_of(files).items()}


def page_in(folder: Folder, page: ManifestPage) -> bytes:
    """Read a page that `fanfare get` left in a folder. Raises CommandError."""
    shown = folder.path / page.name
    with explained(shown):
        there = folder.look(PurePosixPath(page.name))
        if there is not None and stat.S_ISREG(there.st_mode) and there.st_size == page.size:
            with folder.reading(PurePosixPath(page.name)) as opened:
                return opened.read()
    raise CommandError(
        f"{visible(str(shown))}, a list of files, is not as it was fetched: fetch the output anew, "
        "into another folder."
    )


def judged(
    folder: Folder, files: Mapping[PurePosixPath, OutputFile], advance: Advance
) -> list[Judgement]:
    """Compare each file with what is there, several at a time; `advance` gets bytes read."""
    found = list[Judgement]()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as pool:
        for some in batched(files.items(), BEGUN, strict=False):
            found += pool.map(partial(_judged, folder, advance), *zip(*some, strict=True))
    return found


def extra(folder: Folder, files: Iterable[PurePosixPath]) -> list[Judgement]:
    """Find what is in the folder and is neither an output nor the manifest."""
    known = {str(path) for path in files} | {MANIFEST}
    with explained(folder.path):
        there = sorted(name for name in folder.files() if name not in known)
    return [Judgement(name, Agreement.EXTRA) for name in there]


def read_all(chunks: Iterable[bytes], digest: "hashlib._Hash", advance: Advance) -> int:
    """Put chunks into a digest, and return their size."""
    size = 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        advance(len(chunk))
    return size


def _judged(
    folder: Folder, advance: Advance, path: PurePosixPath, expected: OutputFile
) -> Judgement:
    with explained(folder.path / path):
        return judge(expected, _found(folder, path, expected, advance))


def _found(
    folder: Folder, path: PurePosixPath, expected: OutputFile, advance: Advance
) -> Found | None:
    try:
        there = folder.look(path)
    except NotADirectoryError:  # a link or a file is in the place of one of its folders
        return Found(file=False)
    if there is None or not stat.S_ISREG(there.st_mode):
        return there and Found(file=False)
    if there.st_size != expected.size or digest_of(expected) is None:
        return Found(file=True, size=there.st_size)
    digest = hashlib.sha256()
    with folder.reading(path) as opened:
        size = read_all(chunks_of(opened), digest, advance)
    return Found(file=True, size=size, sha256=digest.hexdigest())


def chunks_of(opened: BinaryIO) -> Iterator[bytes]:
    """Yield what an open file has from its position on."""
    while chunk := opened.read(CHUNK):
        yield chunk
