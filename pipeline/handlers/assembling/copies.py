"""What a commit has copied so far, from slice to slice: lists of copies, and pages of the manifest.

A list is a blob named by its digest, and the cursor of the step has those digests. When the lists
have enough files, they become a page, which is written into the output.
"""

import hashlib
from collections.abc import Sequence

from pydantic import TypeAdapter

from pipeline.domain.runs.manifest import Digest, ManifestPage, OutputFile, page_content, page_files
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict
from pipeline.handlers import kept
from pipeline.handlers.assembling.lists import PER_PAGE
from pipeline.handlers.engine import Engine
from pipeline.handlers.kept import Spoiled
from pipeline.handlers.tenure import Tenure

_LISTS = 100  # before they become one: the cursor is bounded
_STEP, _PAGED = "copied", "paged"
_JSON = "application/json"
_LISTED = TypeAdapter(tuple[str, ...])
_PAGES = TypeAdapter(tuple[ManifestPage, ...])


class _Sofar(Stored):
    """`lists` have the `files` that no page lists yet; `pages` is the digest of a list of pages."""

    lists: tuple[str, ...] = ()
    files: int = 0
    pages: str = ""


class Copies:
    """What was copied. Without pages all of it is in lists."""

    def __init__(self, engine: Engine, run: Run, tenure: Tenure, *, paged: bool) -> None:
        self.tenure = tenure
        self._engine, self._run, self._paged = engine, run, paged
        self._sofar = self._noted()

    def add(self, copies: Sequence[OutputFile]) -> None:
        """Record a slice's copies. Raises LeaseLost, Spoiled."""
        sofar = self._sofar
        lists, files = (*sofar.lists, self._keep(copies)), sofar.files + len(copies)
        self._sofar = sofar.model_copy(update={"lists": lists, "files": files})
        if self._paged and files >= PER_PAGE:
            self._end_page()
        elif len(lists) > _LISTS:
            together = (self._keep(self._listed()),)
            self._sofar = self._sofar.model_copy(update={"lists": together})
        self.tenure.note(self.tenure.position + len(copies), self._body())

    def finish(self) -> None:
        """Record that all is copied. Raises LeaseLost, Spoiled."""
        if self._paged and self._sofar.lists:
            self._end_page()
        self.tenure.finish(self._body())

    def all(self) -> tuple[tuple[OutputFile, ...] | None, tuple[ManifestPage, ...]]:
        """Return the copies, or else the pages that list them. Raises Spoiled."""
        return (None, self._pages()) if self._paged else (self._listed(), ())

    def _noted(self) -> _Sofar:
        """Read the cursor; without pages it has the lists alone, as in release 0.1.0."""
        body = self.tenure.body or "[]"
        if self._paged:
            return self.tenure.noted(_Sofar) or _Sofar()
        return _Sofar(lists=_LISTED.validate_json(body))

    def _body(self) -> str:
        if self._paged:
            return self._sofar.model_dump_json()
        return _LISTED.dump_json(self._sofar.lists).decode()

    def _end_page(self) -> None:
        """Write what the lists have as a page of the output, and note it."""
        pages = self._pages()
        page = self._written(len(pages), self._listed())
        content = _PAGES.dump_json((*pages, page))
        self._sofar = _Sofar(pages=kept.keep(self._engine, self._run, _PAGED, content))

    def _written(self, number: int, copies: tuple[OutputFile, ...]) -> ManifestPage:
        """Write a page, unless an invocation wrote it whose cursor was lost. Raises Spoiled."""
        name, content = self._run.names.manifest_page(number), page_content(copies)
        ref, ports = self._run.names.output(name), self._engine.ports
        try:
            etag = ports.writer.write(ref, content, "*", _JSON)
        except Conflict as error:
            facts = ports.blobs.head(ref)
            if facts is None or ports.blobs.read(ref) != content:
                raise Spoiled(f"The blob {ref.name} exists already, and is another one.") from error
            etag = facts.etag
        return ManifestPage(
            name=name,
            url=ports.blobs.url(ref),
            size=len(content),
            etag=etag,
            digest=Digest(value=hashlib.sha256(content).hexdigest()),
            content_type=_JSON,
            files=len(copies),
            bytes=sum(copy.size for copy in copies),
        )

    def _keep(self, copies: Sequence[OutputFile]) -> str:
        return kept.keep(self._engine, self._run, _STEP, page_content(copies))

    def _listed(self) -> tuple[OutputFile, ...]:
        contents = (
            kept.read(self._engine, self._run, _STEP, digest, "a list of copies")
            for digest in self._sofar.lists
        )
        return tuple(copy for content in contents for copy in page_files(content))

    def _pages(self) -> tuple[ManifestPage, ...]:
        digest = self._sofar.pages
        if not digest:
            return ()
        content = kept.read(self._engine, self._run, _PAGED, digest, "the list of pages")
        return _PAGES.validate_json(content)
