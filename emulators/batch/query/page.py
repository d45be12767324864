"""One page of a list: filtered, cut at maxresults, each entry reduced to what was selected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from emulators.batch.document import Doc
from emulators.batch.query.filter import Predicate, compile_filter, refuse

_MOST = 1000
_TOKEN = "$skiptoken"  # noqa: S105 - the name of a query parameter


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for."""

    predicate: Predicate | None
    names: tuple[str, ...]
    size: int
    start: int
    kept: Mapping[str, str]


def read_query(query: Mapping[str, str], allowed: frozenset[str], most: int = _MOST) -> ListQuery:
    """Understand the query of a list request, or refuse it;
    names of parameters are lower case here."""
    text = query.get("$filter", "").strip()
    return ListQuery(
        predicate=compile_filter(text, allowed) if text else None,
        names=selected(query),
        size=_number(query, "maxresults", most, most),
        start=_number(query, _TOKEN, 0, 1 << 40),
        kept={name: value for name, value in query.items() if name not in (_TOKEN, "api-version")},
    )


def selected(query: Mapping[str, str]) -> tuple[str, ...]:
    """Return the properties that $select names; empty means all."""
    return tuple(name.strip() for name in query.get("$select", "").split(",") if name.strip())


def select(document: Doc, names: tuple[str, ...]) -> Doc:
    """Reduce a document to the selected properties."""
    if not names:
        return document
    return {name: document[name] for name in names if name in document}


def cut(entries: Iterable[tuple[int, Doc]], asked: ListQuery) -> tuple[list[Doc], int | None]:
    """Return one page and the position where the next begins, None at the end.

    Entries come in order with their positions, from the asked start on.
    """
    found: list[Doc] = []
    for position, document in entries:
        if asked.predicate is not None and not asked.predicate(document):
            continue
        if len(found) == asked.size:
            return found, position
        found.append(select(document, asked.names))
    return found, None


def next_link(url: str, asked: ListQuery, version: str, start: int) -> str:
    """Return the absolute link of the next page."""
    query = {**asked.kept, "api-version": version, _TOKEN: str(start)}
    return (
        url
        + "?"
        + "&".join(
            f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in query.items()
        )
    )


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not (0 if name == _TOKEN else 1) <= int(text) <= most:
        raise refuse(name, text, f"The value has to be a number from 1 to {most}.")
    return int(text)
