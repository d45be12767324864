"""Items that somebody listed: a split program in items.json, or the input of `split: manifest`.

Both are untrusted. Items come one by one; an error is raised where it occurs.
"""

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.domain.notation.placeholders import NAME, RESERVED
from pipeline.domain.plans.split import Item, PlanError, Scalar, some
from pipeline.domain.texts.fields import Fields
from pipeline.domain.texts.json_array import elements
from pipeline.domain.texts.records import Record

BLOB = "blob"  # the key or column that names an entry's blob
MAX_NAME = 1024  # characters of a blob's name


def items_from_program(
    text: str, expected: Sequence[str] = (), *, after: int = 0
) -> Iterator[Item]:
    """Read and check what a split program wrote: `[{"parameters": {...}}, ...]`."""
    rest = itertools.islice(_entries(text, "items.json"), after, None)
    items = (
        Item(number, _parameters(entry, f"items.json, item {number}", expected))
        for number, entry in enumerate(rest, after)
    )
    return some(items, "items.json is empty: there is nothing to do", after=after)


def _entries(text: str, what: str) -> Iterator[object]:
    try:
        yield from elements(text)
    except TypeError as error:
        raise PlanError(f"{what} is not a list") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{what} is not JSON: {str(error)[:200]}") from error


def _parameters(entry: object, where: str, expected: Sequence[str]) -> dict[str, Scalar]:
    if not isinstance(entry, dict) or set(entry) - {"parameters"}:
        raise PlanError(f'{where}: expected {{"parameters": {{...}}}}')
    given = entry.get("parameters", {})
    if not isinstance(given, dict):
        raise PlanError(f"{where}: parameters is not an object")
    return _checked(given, where, expected)


def _checked(given: Mapping[str, object], where: str, expected: Sequence[str]) -> dict[str, Scalar]:
    missing = [name for name in expected if name not in given]
    if missing:
        raise PlanError(f"{where}: parameter {missing[0]} is missing")
    return {_name(name, where): _value(value, f"{where}, {name}") for name, value in given.items()}


def _name(name: str, where: str) -> str:
    if not re.fullmatch(NAME, name, re.ASCII) or name in RESERVED:
        raise PlanError(f"{where}: {name[:60]!r} cannot be a parameter's name")
    return name


def _value(value: object, where: str) -> Scalar:
    if isinstance(value, str):
        return _argument(value, where)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise PlanError(f"{where}: not text, a number, true or false")


def _argument(text: str, where: str) -> str:
    if "\0" in text:
        raise PlanError(f"{where}: contains a NUL character, which an argument cannot hold")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        why = "contains half of a surrogate pair, which is no character"
        raise PlanError(f"{where}: {why}") from error
    return text


@dataclass(frozen=True)
class Entry:
    """An entry of a manifest: its parameters, and the blob that it works on, if it names one."""

    parameters: Mapping[str, Scalar]
    blob: str | None = None


def entries_of_json(text: str, expected: Sequence[str], *, blobs: bool) -> Iterator[Entry]:
    """Read a JSON list of names of blobs, or of objects with parameters and a key `blob`.

    Raises PlanError for an entry that is neither, lacks a parameter, or has an unexpected one.
    """
    for number, entry in enumerate(_entries(text, "the manifest")):
        where = f"the manifest, entry {number}"
        given = {BLOB: entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            raise PlanError(f"{where}: it is neither a blob's name nor an object of parameters")
        yield _entry(given, where, expected, blobs=blobs)


def entries_of_csv(
    rows: Iterable[Record], fields: Fields, expected: Sequence[str], *, blobs: bool
) -> Iterator[Entry]:
    """Read a table whose header names the parameters and perhaps `blob`; all values are texts.

    Raises PlanError as entries_of_json does.
    """
    rest = iter(rows)
    header = next(rest, None)
    columns = fields.values(header.content) if header else []
    if len(set(columns)) < len(columns):
        raise PlanError("the manifest names a column twice in its header")
    for number, row in enumerate(rest):
        where = f"the manifest, row {number} at byte {row.start:,}"
        values = fields.values(row.content)
        if len(values) != len(columns):
            raise PlanError(
                f"{where}: it has {len(values)} fields, but the header has {len(columns)}"
            )
        yield _entry(dict(zip(columns, values, strict=True)), where, expected, blobs=blobs)


def _entry(
    given: Mapping[str, object], where: str, expected: Sequence[str], *, blobs: bool
) -> Entry:
    named = given.get(BLOB)
    if blobs and not (isinstance(named, str) and 0 < len(named) <= MAX_NAME):
        raise PlanError(
            f"{where}: {BLOB!r} must be a blob's name of at most {MAX_NAME:,} characters"
        )
    if not blobs and BLOB in given and BLOB not in expected:
        raise PlanError(f"{where}: it names a blob, but the split has no `container` to look in")
    parameters = {name: value for name, value in given.items() if not (blobs and name == BLOB)}
    surplus = [name for name in parameters if name not in expected]
    if surplus:
        raise PlanError(
            f"{where}: {surplus[0][:60]!r} is not in the split's `parameters`: list it there, or "
            "remove it"
        )
    return Entry(
        _checked(parameters, where, expected), named if isinstance(named, str) and blobs else None
    )
