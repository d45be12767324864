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
    """A request; names of query parameters and headers are lower case, path parameters decoded.

    `given` is the query as it came: every name in its own spelling, in order. Of the conditional
    headers only those are here that the operation heeds. `mark` ends the words of every error.
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
        """Check the conditional headers; raise ConditionNotMet where they do not hold."""
        check(self.headers, thing, reads=self.method in ("GET", "HEAD"))

    def expanded(self, document: Doc, statistics: Callable[[str], Doc]) -> Doc:
        """Add statistics, which are made of their URL, where $expand asks for them."""
        asked = [name.strip().lower() for name in self.query.get("$expand", "").split(",")]
        if "stats" not in asked:
            return document
        return {**document, "stats": statistics(f"{document['url']}/stats")}

    def one(self, kind: str, document: Doc, thing: Versioned | None = None) -> "Reply":
        """Answer with one object, reduced to what was selected."""
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
        """Answer with one page; `entries` walks from a position on over what `view` looks at."""
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
    """An answer; the route gives its status unless it says otherwise."""

    body: Doc | None = None
    thing: Versioned | None = None
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


type Handler = Callable[[Emulator, Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its name in the SDK, where it lives, how it succeeds; no handler means 501."""

    operation: str
    method: str
    path: str
    status: int
    handler: Handler | None = None
    why_not: str = ""


def numbered(documents: Callable[[], list[Doc]]) -> Callable[[int], Iterable[tuple[int, Doc]]]:
    """Make a short list that does not change walkable from a position on."""

    def walk(start: int) -> Iterable[tuple[int, Doc]]:
        return list(enumerate(documents()))[start:]

    return walk


def described(base: str, entity: str) -> str:
    """Return where in the metadata an answer is described that belongs to no list."""
    return f"{base}/$metadata#Microsoft.Azure.Batch.Protocol.Entities.{entity}"


def in_order[T](
    things: Iterable[T], number: Callable[[T], int], show: Callable[[T], Doc]
) -> Callable[[int], Iterable[tuple[int, Doc]]]:
    """Make things walkable from a number on that each keeps: what goes between two pages takes
    none along."""

    def walk(start: int) -> Iterable[tuple[int, Doc]]:
        return ((number(one), show(one)) for one in list(things) if number(one) >= start)

    return walk


def http_date(stamped: str) -> str:
    """Write a timestamp as HTTP headers do."""
    return format_datetime(parse_stamp(stamped), usegmt=True)
