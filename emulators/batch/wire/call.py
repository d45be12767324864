"""One request as handlers see it, and the answer they give."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from emulators.batch.document import Doc, parse_stamp
from emulators.batch.query.page import AS_IT_IS, View, cut, next_link, read_query, select, selected
from emulators.batch.query.properties import Filterable
from emulators.batch.service.emulator import Emulator
from emulators.batch.wire.conditions import Versioned, check


@dataclass(frozen=True, slots=True)
class Call:
    """A request; query parameters and headers have lower-case names, path parameters are decoded.

    `given` is the query as it came: all names in their own spelling, in order. Of the conditional
    headers it holds only those that the operation uses. `mark` ends the message of every error.
    """

    method: str
    base: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Doc
    given: tuple[tuple[str, str], ...] = ()
    mark: str = ""

    def condition(self, thing: Versioned) -> None:
        """Check the conditional headers; raises ConditionNotMet."""
        check(self.headers, thing, reads=self.method in ("GET", "HEAD"))

    def expanded(self, document: Doc, statistics: Callable[[str], Doc]) -> Doc:
        """Add statistics if $expand asks for them; their URL is part of them."""
        asked = [name.strip().lower() for name in self.query.get("$expand", "").split(",")]
        if "stats" not in asked:
            return document
        return {**document, "stats": statistics(f"{document['url']}/stats")}

    def one(self, kind: str, document: Doc, thing: Versioned | None = None) -> "Reply":
        """Answer with one object, reduced to $select."""
        shown = {
            "odata.metadata": f"{self.base}/$metadata#{kind}/@Element",
            **select(document, selected(self.query)),
        }
        return Reply(body=shown, thing=thing)

    def listed(
        self,
        kind: str,
        allowed: Filterable,
        entries: Callable[[int], Iterable[tuple[int, Any]]],
        most: int = 1000,
        view: View = AS_IT_IS,
    ) -> "Reply":
        """Answer with one page; `entries` walks from a position over what `view` looks at."""
        scope = f"{self.path}?{self.query.get('$filter', '')}"
        asked = read_query(self.query, allowed, scope, most, view)
        found, following = cut(entries(asked.start), asked, view)
        shown: Doc = {"odata.metadata": f"{self.base}/$metadata#{kind}", "value": found}
        if following is not None:
            url = self.base + self.path
            shown["odata.nextLink"] = next_link(url, self.given, scope, following)
        return Reply(body=shown)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; its status is that of the route unless it sets its own."""

    body: Doc | None = None
    thing: Versioned | None = None
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


type Handler = Callable[[Emulator, Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its name in the SDK, its path, its success status."""

    operation: str
    method: str
    path: str
    status: int
    handler: Handler


def numbered(documents: Callable[[], list[Doc]]) -> Callable[[int], Iterable[tuple[int, Doc]]]:
    """Page a short, constant list by position."""

    def walk(start: int) -> Iterable[tuple[int, Doc]]:
        return list(enumerate(documents()))[start:]

    return walk


def described(base: str, entity: str) -> str:
    """Return the metadata link of an answer that is not part of a list."""
    return f"{base}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.{entity}"


def in_order[T](
    things: Iterable[T], number: Callable[[T], int], show: Callable[[T], Doc]
) -> Callable[[int], Iterable[tuple[int, Doc]]]:
    """Page by each item's serial number, so that deletions between pages skip nothing."""

    def walk(start: int) -> Iterable[tuple[int, Doc]]:
        return ((number(one), show(one)) for one in list(things) if number(one) >= start)

    return walk


def http_date(stamped: str) -> str:
    """Write a timestamp in the way of HTTP headers."""
    return format_datetime(parse_stamp(stamped), usegmt=True)
