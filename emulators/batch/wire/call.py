"""One request as handlers see it, and the answer they give."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Protocol

from emulators.batch.document import Doc, parse_stamp
from emulators.batch.errors import BatchError
from emulators.batch.query.page import cut, next_link, read_query, select, selected
from emulators.batch.service.emulator import Emulator


class Versioned(Protocol):
    """What has an ETag."""

    etag: str
    changed: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request; names of query parameters and headers are lower case, path parameters decoded."""

    method: str
    base: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Doc

    def condition(self, thing: Versioned) -> None:
        """Check the conditional headers; raise ConditionNotMet where they do not hold."""
        held = _held(self.headers, thing)
        if not held:
            raise BatchError(
                "ConditionNotMet", status=304 if self.method in ("GET", "HEAD") else 412
            )

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
        allowed: frozenset[str],
        entries: Callable[[int], Iterable[tuple[int, Doc]]],
        most: int = 1000,
    ) -> "Reply":
        """Answer with one page; `entries` walks from a position on."""
        asked = read_query(self.query, allowed, most)
        found, following = cut(entries(asked.start), asked)
        shown: Doc = {"odata.metadata": f"{self.base}/$metadata#{kind}", "value": found}
        if following is not None:
            url = self.base + self.path
            shown["odata.nextLink"] = next_link(url, asked, self.query["api-version"], following)
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
    """Make a short list walkable from a position on."""

    def walk(start: int) -> Iterable[tuple[int, Doc]]:
        return list(enumerate(documents()))[start:]

    return walk


def http_date(stamped: str) -> str:
    """Write a timestamp as HTTP headers do."""
    return format_datetime(parse_stamp(stamped), usegmt=True)


def _held(headers: Mapping[str, str], thing: Versioned) -> bool:
    present = [name for name in ("if-match", "if-none-match") if headers.get(name)]
    for name in present:
        tags = {tag.strip().strip('"') for tag in headers[name].split(",")}
        matched = "*" in tags or thing.etag in tags
        if matched is not (name == "if-match"):
            return False
    return _held_by_date(headers, thing)


def _held_by_date(headers: Mapping[str, str], thing: Versioned) -> bool:
    changed = parse_stamp(thing.changed).replace(microsecond=0)
    for name, newer in (("if-modified-since", True), ("if-unmodified-since", False)):
        if not headers.get(name):
            continue
        try:
            moment = parsedate_to_datetime(headers[name])
        except ValueError as error:
            raise BatchError("InvalidHeaderValue", HeaderName=name) from error
        if (changed - moment > timedelta()) is not newer:
            return False
    return True
