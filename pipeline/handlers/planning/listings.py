"""The split that makes an item of each blob below a prefix, and pins the blob for it."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from pipeline.domain.definitions.splits import BlobsSplit
from pipeline.domain.plans.split import Item, PlanError, check_count
from pipeline.domain.runs.run import Run
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.planning.work import Bookmark, Drawn
from pipeline.ports.blobs import ListedPage

KEPT = 20_000  # blobs whose facts are kept while they are counted, so they are listed only once


@dataclass(frozen=True)
class Listing:
    """The blobs of a split, page by page."""

    engine: Engine
    run: Run
    split: BlobsSplit
    container: str

    def drawn(self, bookmark: Bookmark) -> Iterator[Drawn]:
        """Count the blobs, so that too many cost no pin, then make an item of each."""
        pages: Iterable[ListedPage] | None = None
        if not bookmark.counted:
            pages = yield from self._count(bookmark)
            bookmark = Bookmark(counted=True)
        yield from self._items(self._pages(bookmark.marker) if pages is None else pages, bookmark)

    def _count(self, bookmark: Bookmark) -> Generator[Drawn, None, list[ListedPage] | None]:
        """Count the blobs from a bookmark on, and return their pages if all are here and few."""
        kept: list[ListedPage] | None = [] if bookmark == Bookmark() else None
        count = bookmark.item
        for page in self._pages(bookmark.marker):
            yield Drawn(Bookmark(item=count, marker=page.marker))
            count += len(page.blobs)
            check_count(count)
            kept = [*kept, page] if kept is not None and count <= KEPT else None
        if not count:
            raise PlanError("no blob matches the split: there is nothing to do")
        return kept

    def _items(self, pages: Iterable[ListedPage], bookmark: Bookmark) -> Iterator[Drawn]:
        taken = bookmark.name  # new blobs before it may have moved it to a later page
        for page in pages:
            found = page.after(taken) if taken else page.blobs
            bookmark = bookmark.model_copy(update={"marker": page.marker, "name": taken})
            yield Drawn(bookmark)
            taken = "" if found else taken
            for facts in found:
                number = bookmark.item
                bookmark = Bookmark(
                    item=number + 1, marker=page.marker, name=facts.ref.name, counted=True
                )
                check_count(bookmark.item)
                fetch = partial(inputs.pinned, self.engine, self.run, number, facts)
                yield Drawn(bookmark, Item(number), fetch=fetch)

    def _pages(self, marker: str) -> Iterator[ListedPage]:
        """List from a marker on; the pages have only the blobs that match."""
        prefix = self.split.resolved_prefix(self.run.parameters)
        for page in self.engine.ports.blobs.list_pages(self.container, prefix, marker):
            found = [f for f in page.blobs if f.size > 0 and self.split.matches(f.ref.name)]
            yield ListedPage(page.marker, found)
