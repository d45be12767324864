"""The manifest: writing it commits a run's output. It names every file and the missing items.

The files of a very large output are in pages, which are files of the output as well. A release that
knows no pages must not take such an output for an empty one, so `files` is null there.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, Self

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import DeviceUse, ItemResult
from pipeline.domain.runs.run import Input
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

MAX_MISSING = 10_000
MAX_LISTED = 100_000  # files; a manifest of more has pages
SHA_256 = "sha256"


class _Listed(Protocol):
    """A file in a list."""

    @property
    def size(self) -> int:
        """Its size in bytes."""


class _Counted(Protocol):
    """A page: how many files it lists, and how many bytes they have."""

    @property
    def files(self) -> int:
        """How many files it lists."""

    @property
    def bytes(self) -> int:
        """The size of these files."""


def count_of(files: Sequence[_Listed] | None, pages: Iterable[_Counted]) -> int:
    """Count files, which the document or its pages list."""
    return len(files or ()) + sum(page.files for page in pages)


def size_of(files: Sequence[_Listed] | None, pages: Iterable[_Counted]) -> int:
    """Sum the bytes of files, which the document or its pages list."""
    return sum(file.size for file in files or ()) + sum(page.bytes for page in pages)


def files_after[F: _Listed, P: _Counted](
    skip: int, files: Sequence[F] | None, pages: Iterable[P], read: Callable[[P], Sequence[F]]
) -> Iterator[F]:
    """Yield the files after the first ones; `read` reads a page, and none that is skipped whole."""
    yield from (files or ())[skip:]
    for page in pages:
        if skip < page.files:
            yield from read(page)[skip:]
        skip = max(0, skip - page.files)


class Digest(Stored):
    """A digest, and how it was made: `sha256`, of the file's bytes."""

    algorithm: str = Field(
        default=SHA_256,
        description="`sha256`; outputs of release 0.1 may also have `tree-sha256`.",
    )
    value: str


class AssembledFile(Stored):
    """A file that an assembler made: its name in the output, and its blob before the commit.

    `digest` is what the node said of a file that it wrote; the committed bytes must have it. With
    `offset` the file begins there in the blob.
    """

    name: str
    container: str = naming.WORK
    source: str
    offset: int | None = None
    size: int
    digest: Digest | None = None
    content_type: str = ""

    @property
    def blob(self) -> BlobRef:
        """The blob before the commit."""
        return BlobRef(self.container, self.source)

    @property
    def claimed(self) -> str | None:
        """The SHA-256 that the committed bytes must have, or None if none was claimed."""
        return self.digest.value if self.digest and self.digest.algorithm == SHA_256 else None


class OutputFile(Stored):
    """One file of the committed output."""

    name: str
    url: str
    size: int
    etag: str
    digest: Digest
    content_type: str = ""


class ManifestPage(OutputFile):
    """A file of the output that lists other files of it, as JSON."""

    files: int = Field(description="How many files it lists.")
    bytes: int = Field(description="The size of these files.")


_FILES = TypeAdapter(tuple[OutputFile, ...])


class Missing(Stored):
    """An item whose output is missing, and why."""

    item: int
    cause: Cause | None
    exit_code: int | None = None
    tries: int = 1
    tail: str = ""

    @classmethod
    def of(cls, item: ItemResult) -> Self:
        """Describe a failed item."""
        return cls(
            item=item.id,
            cause=item.cause,
            exit_code=item.exit_code,
            tries=item.tries,
            tail=item.tail[:500],
        )


class Manifest(Stored):
    """What a run's output consists of."""

    version: int = Field(default=1, description="2 if the files are in pages, else 1.")
    run: str
    pipeline: str
    generation: int
    created_at: datetime = Field(description="When the manifest was written.")
    caused_at: datetime = Field(
        description="When the blob was created, the tick was due or the request came."
    )
    by: Asker | None = Field(
        default=None,
        description="Who asked for this generation; null if an earlier release started it.",
    )
    input: Input | None
    parameters: dict[str, str | int | float | bool]
    images: dict[str, str] = Field(
        default_factory=dict,
        description="The container images that tasks ran, by name, with their digests.",
    )
    files: tuple[OutputFile, ...] | None = Field(
        description=f"All files; null if there are more than {MAX_LISTED:,}, which `pages` list."
    )
    pages: tuple[ManifestPage, ...] = Field(
        default=(),
        description="The files that list the others, in their order; none if `files` does.",
    )
    items: int
    succeeded: int
    without_output: int = Field(
        default=0, description="How many items succeeded, but wrote nothing."
    )
    missing: tuple[Missing, ...] = Field(
        description=f"The items that failed, in order; the first {MAX_MISSING:,} of them."
    )
    missing_total: int = Field(description="How many items failed in total.")
    node_seconds: float
    devices: tuple[DeviceUse, ...] = Field(
        default=(),
        description="What the tasks that asked for a GPU ran on, the most used first.",
    )

    @property
    def total(self) -> int:
        """How many files the output has; pages do not count."""
        return count_of(self.files, self.pages)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return size_of(self.files, self.pages)


class PageChanged(Permanent):
    """A page of a manifest is not the one that was committed."""


def files_of(
    manifest: Manifest, read: Callable[[ManifestPage], bytes], skip: int = 0
) -> Iterator[OutputFile]:
    """Yield the files after the first ones; `read` returns the content of a page.

    Raises PageChanged.
    """
    pages = manifest.pages
    return files_after(skip, manifest.files, pages, lambda page: _listed(page, read(page)))


def page_content(files: Iterable[OutputFile]) -> bytes:
    """Render a page."""
    return _FILES.dump_json(tuple(files))


def page_files(content: bytes) -> tuple[OutputFile, ...]:
    """Read what `page_content` rendered. Raises ValidationError."""
    return _FILES.validate_json(content)


def _listed(page: ManifestPage, content: bytes) -> tuple[OutputFile, ...]:
    if hashlib.sha256(content).hexdigest() == page.digest.value:
        try:
            return page_files(content)
        except ValidationError as error:
            raise PageChanged(f"This release cannot read {page.name}, a list of files.") from error
    raise PageChanged(
        f"{page.name}, a list of files, is not the one that was committed: somebody changed it "
        "since. Start a new run of its input."
    )


def missing_of(items: Iterable[ItemResult]) -> tuple[Missing, ...]:
    """Describe failed items, at most 10,000 of them."""
    return tuple(Missing.of(item) for item, _ in zip(items, range(MAX_MISSING), strict=False))
