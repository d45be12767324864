"""Lists of the files that an assembler made: in one document, or in pages if they are many."""

from collections.abc import Collection, Iterator
from itertools import batched

from pydantic import TypeAdapter

from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import MAX_LISTED, AssembledFile, count_of, files_after, size_of
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent
from pipeline.handlers import kept
from pipeline.handlers.engine import Engine

PER_PAGE = 10_000  # files, a few MiB
_STEP, _WHAT = "made", "a list of files to commit"
_FILES = TypeAdapter(tuple[AssembledFile, ...])


class NameReserved(Permanent):
    """An output has the name of the run's own list."""


class FilesPage(Stored):
    """Where files are listed: the SHA-256 of a blob; how many there are, and of what size."""

    sha256: str
    files: int
    bytes: int


class FileList(Stored):
    """The files of an output before the commit; null if `pages` list them."""

    files: tuple[AssembledFile, ...] | None
    pages: tuple[FilesPage, ...] = ()

    @property
    def total(self) -> int:
        """How many files there are."""
        return count_of(self.files, self.pages)

    @property
    def size(self) -> int:
        """How many bytes they have."""
        return size_of(self.files, self.pages)


def listing(engine: Engine, run: Run, files: Collection[AssembledFile]) -> FileList:
    """List files; many of them are kept in pages. Raises NameReserved."""
    if len(files) <= MAX_LISTED:
        return FileList(files=tuple(_checked(file, paged=False) for file in files))
    checked = (_checked(file, paged=True) for file in files)
    pages = (_kept(engine, run, some) for some in batched(checked, PER_PAGE, strict=False))
    return FileList(files=None, pages=tuple(pages))


def listed(engine: Engine, run: Run, files: FileList, skip: int = 0) -> Iterator[AssembledFile]:
    """Yield the files after the first ones. Raises Spoiled."""

    def read(page: FilesPage) -> tuple[AssembledFile, ...]:
        return _FILES.validate_json(kept.read(engine, run, _STEP, page.sha256, _WHAT))

    return files_after(skip, files.files, files.pages, read)


def _kept(engine: Engine, run: Run, files: tuple[AssembledFile, ...]) -> FilesPage:
    digest = kept.keep(engine, run, _STEP, _FILES.dump_json(files))
    return FilesPage(sha256=digest, files=len(files), bytes=sum(file.size for file in files))


def _checked(file: AssembledFile, *, paged: bool) -> AssembledFile:
    if file.name == naming.MANIFEST or (paged and naming.MANIFEST_PAGE.fullmatch(file.name)):
        raise NameReserved(
            f"An output is called {file.name}, the name of the run's own list: rename it."
        )
    return file
