"""Cuts one page of a list: filters it, limits it to maxresults, and reduces each entry to
$select."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from emulators.batch.document import Doc
from emulators.batch.query.filter import Predicate, Readers, compile_filter
from emulators.batch.query.parameters import number, refuse
from emulators.batch.query.properties import Filterable

_MOST = 1000
_ANY = 10**200
_MOST_DIGITS = 200  # of a position in a list
_TOKEN = "$skiptoken"  # noqa: S105 - the name of a query parameter


@dataclass(frozen=True, slots=True)
class View:
    """How a list looks at its entries: filters read single properties, answers show documents.

    `document` gets the selected names (none means all) and may leave others out.
    """

    readers: Readers
    document: Callable[[Any, tuple[str, ...]], Doc]


# The entries are documents already.
AS_IT_IS = View((), lambda document, _: document)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for."""

    predicate: Predicate | None
    names: tuple[str, ...]
    size: int
    start: int


def read_query(
    query: Mapping[str, str],
    allowed: Filterable,
    scope: str,
    most: int = _MOST,
    view: View = AS_IT_IS,
) -> ListQuery:
    """Parse the query of a list request, or refuse it; parameter names are in lower case here."""
    text = query.get("$filter", "").strip()
    return ListQuery(
        predicate=compile_filter(text, allowed, view.readers) if text else None,
        names=selected(query),
        size=_size(query, most),
        start=_start(query, scope),
    )


def _size(query: Mapping[str, str], most: int) -> int:
    size = number(query, "maxresults", most, -_ANY, _ANY)
    if not 1 <= size <= most:
        limit = "less than 1" if size < 1 else f"greater than {most}"
        raise refuse("maxresults", str(size), f"MaxResults cannot be {limit}")
    return size


def selected(query: Mapping[str, str]) -> tuple[str, ...]:
    """Return the properties that $select names; empty means all."""
    return tuple(name.strip() for name in query.get("$select", "").split(",") if name.strip())


def select(document: Doc, names: tuple[str, ...]) -> Doc:
    """Reduce a document to the selected properties."""
    if not names:
        return document
    wanted = {name.lower() for name in names}
    return {name: value for name, value in document.items() if name.lower() in wanted}


def cut(
    entries: Iterable[tuple[int, Any]], asked: ListQuery, view: View = AS_IT_IS
) -> tuple[list[Doc], int | None]:
    """Return one page and the position at which the next begins, or None at the end.

    Entries come in order with their positions, from the requested start on.
    """
    found: list[Doc] = []
    for position, thing in entries:
        if asked.predicate is not None and not asked.predicate(thing):
            continue
        if len(found) == asked.size:
            return found, position
        found.append(select(view.document(thing, asked.names), asked.names))
    return found, None


def next_link(url: str, given: Iterable[tuple[str, str]], scope: str, start: int) -> str:
    """Return the absolute link of the next page, with every parameter of this request."""
    kept = [(name, value) for name, value in given if name.lower() != _TOKEN]
    pairs = [*kept, (_TOKEN, _token(scope, start))]
    return (
        url
        + "?"
        + "&".join(f"{quote(name, safe='$')}={quote(text, safe='')}" for name, text in pairs)
    )


def _token(scope: str, start: int) -> str:
    return f"{start}!{zlib.crc32(f'{scope.lower()}!{start}'.encode()):08x}"


def _start(query: Mapping[str, str], scope: str) -> int:
    """Read the position from a token; refuse a forged token or one of another list."""
    text = query.get(_TOKEN)
    if text is None:
        return 0
    position = text.partition("!")[0]
    known = position.isascii() and position.isdigit() and len(position) <= _MOST_DIGITS
    if not (known and text == _token(scope, int(position))):
        raise refuse(_TOKEN, text, "The continuation token is not one of this list.")
    return int(position)
