"""The digests of a plan's pages: a few lie in the run's row, many in lists beside the pages.

A row of the ledger holds some hundred digests, and a plan has up to 10,000 pages. So each list has
256 of them, and the row has the digests of the lists.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

PER_LIST = 256
FEW = 32  # pages whose digests are in the row
SIZE = 32  # bytes of a SHA-256


@dataclass(frozen=True)
class Digests:
    """The digests of the lists that are full, and those of the pages that are in no list yet."""

    lists: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()

    def add(self, page: str) -> "Digests":
        """Return the digests with that of the next page; a full list must be kept before."""
        return Digests(self.lists, (*self.pages, page))

    @property
    def full(self) -> bool:
        """Whether the pages make a list."""
        return len(self.pages) == PER_LIST

    @property
    def many(self) -> bool:
        """Whether the pages are too many for the row."""
        return bool(self.lists) or len(self.pages) > FEW

    def content(self) -> bytes:
        """Render the list that the pages make."""
        return bytes.fromhex("".join(self.pages))

    def kept(self) -> "Digests":
        """Return the digests once the pages lie in a list."""
        return Digests((*self.lists, hashlib.sha256(self.content()).hexdigest()), ())


def of_page(content: bytes, list_digest: str, place: int) -> str | None:
    """Return the digest of one page of a list; None if the list is not the one that was kept."""
    if hashlib.sha256(content).hexdigest() != list_digest:
        return None
    return content[SIZE * place : SIZE * (place + 1)].hex()


def plan_digest(digests: Sequence[str]) -> str:
    """Compute the digest of a plan from those in its row; submit messages carry it."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()[:32]


def name(number: int) -> str:
    """Name a list within the plan's folder."""
    return f"d-{number:05d}"
