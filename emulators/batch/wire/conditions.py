"""Conditional headers: which of them an operation uses, and whether they hold."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

from emulators.batch.document import parse_stamp
from emulators.batch.errors import BatchError

_BY_TAG = ("if-match", "if-none-match")
_BY_DATE = ("if-modified-since", "if-unmodified-since")
_COUNTING: Mapping[str, tuple[str, ...]] = {"C": _BY_TAG + _BY_DATE, "M": _BY_DATE, "": ()}
# As in Storage: a tag may come with its weaker companion, and then the tag decides.
_TOGETHER = ({"if-match", "if-unmodified-since"}, {"if-none-match", "if-modified-since"})


class Versioned(Protocol):
    """A resource with an ETag."""

    @property
    def etag(self) -> str:
        """Return its version, without quotes."""
        ...

    @property
    def changed(self) -> str:
        """Return the time of its last change."""
        ...


def counting(headers: Mapping[str, str], conditions: str) -> dict[str, str]:
    """Return the conditional headers that an operation uses, or refuse their combination."""
    found = {name: headers[name] for name in _COUNTING[conditions] if headers.get(name)}
    if len(found) > 1:
        if set(found) not in _TOGETHER:
            raise BatchError("MultipleConditionHeadersNotSupported")
        found = {name: value for name, value in found.items() if name in _BY_TAG}
    return found


def check(headers: Mapping[str, str], thing: Versioned, *, reads: bool) -> None:
    """Raise ConditionNotMet where a condition does not hold."""
    if not (_held_by_tag(headers, thing) and _held_by_date(headers, thing)):
        raise BatchError("ConditionNotMet", status=304 if reads else 412)


def _held_by_tag(headers: Mapping[str, str], thing: Versioned) -> bool:
    for name in _BY_TAG:
        if name not in headers:
            continue
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in headers[name].split(",")}
        matched = "*" in tags or thing.etag in tags
        if matched is not (name == "if-match"):
            return False
    return True


def _held_by_date(headers: Mapping[str, str], thing: Versioned) -> bool:
    changed = parse_stamp(thing.changed).replace(microsecond=0)
    for name, newer in zip(_BY_DATE, (True, False), strict=True):
        if name in headers and (changed - _moment(name, headers[name]) > timedelta()) is not newer:
            return False
    return True


def _moment(name: str, text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text)
        # HTTP dates without a zone are in GMT.
        return moment if moment.tzinfo else parse_stamp(moment.isoformat())
    except (ValueError, OverflowError) as error:
        raise BatchError("InvalidHeaderValue", HeaderName=name, HeaderValue=text[:200]) from error
