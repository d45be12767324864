"""The gate of every emulator: decides from a request's headers whether a browser sent it for
another site, whether it shows the key, and whether its body is of an expected kind. Pure."""

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
JSON = frozenset({"application/json"})
_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.I)
_LAST_PORT = 65_535
_SCHEMES = ("http://", "https://")
_OWN_SITES = frozenset({"none", "same-origin"})
_SHOWN = 100

FORBIDDEN, UNAUTHORIZED, UNSUPPORTED, MISDIRECTED = 403, 401, 415, 421


@dataclass(frozen=True, slots=True)
class Entry:
    """What the routes below a path require; `kinds` are the content types that a body may have.

    Without `kinds` a body may be anything. Without `key` the route itself checks its caller, or is
    for everybody.
    """

    path: str
    key: bool = False
    kinds: frozenset[str] = frozenset()


OPEN = Entry("")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate looks at; each tuple has all values of a header, which may be missing."""

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    has_body: bool = False
    shows_key: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status, the header that is to blame with its value, and what to do."""

    status: int
    header: str
    value: str
    reason: str

    def __str__(self) -> str:
        return self.reason


def entry_of(entries: Iterable[Entry], route: str) -> Entry:
    """Return the first entry that a route belongs to: it has the entry's path, or begins with it.

    A path that ends with a slash stands for everything below it.
    """
    for entry in entries:
        if route == entry.path or (entry.path.endswith("/") and route.startswith(entry.path)):
            return entry
    return OPEN


def refusal(asked: Asked, entry: Entry, hosts: frozenset[str], key_header: str) -> Refusal | None:
    """Return why a request is refused, or None if it may pass."""
    found = (
        _foreign_host(asked, hosts)
        or _foreign_origin(asked)
        or _foreign_site(asked)
        or (None if asked.shows_key or not entry.key else _no_key(key_header))
    )
    return found or _wrong_body(asked, entry)


def _foreign_host(asked: Asked, hosts: frozenset[str]) -> Refusal | None:
    """Refuse a name that is not ours: with DNS rebinding a page reaches us under its own name."""
    for host in asked.hosts:
        name = _name_of(host)
        if name is None or name not in hosts or len(asked.hosts) > 1:
            remedy = (
                f"ask for 127.0.0.1, or start the emulator with --allowed-host {name or 'NAME'}"
            )
            return _refused(MISDIRECTED, "Host", host, f"is not a name of this emulator: {remedy}.")
    return None


def _foreign_origin(asked: Asked) -> Refusal | None:
    own = {scheme + host.lower() for scheme in _SCHEMES for host in asked.hosts}
    for origin in asked.origins:
        if origin.lower() not in own:
            why = "is another site than this emulator: leave the header out, or ask from its page."
            return _refused(FORBIDDEN, "Origin", origin, why)
    return None


def _foreign_site(asked: Asked) -> Refusal | None:
    for site in asked.sites:
        if site.lower() not in _OWN_SITES:
            why = "says that a page of another site sent this: open the address yourself."
            return _refused(FORBIDDEN, "Sec-Fetch-Site", site, why)
    return None


def _no_key(header: str) -> Refusal:
    why = f"The header {header} is missing or wrong: it must hold the key of this emulator."
    return Refusal(UNAUTHORIZED, header, "", why)


def _wrong_body(asked: Asked, entry: Entry) -> Refusal | None:
    if not asked.has_body or not entry.kinds:
        return None
    for encoding in asked.encodings:
        if encoding.strip().lower() not in ("", "identity"):
            why = "is not supported: send the body uncompressed."
            return _refused(UNSUPPORTED, "Content-Encoding", encoding, why)
    wanted = " or ".join(sorted(entry.kinds))
    for kind in asked.kinds or ("",):
        if kind.partition(";")[0].strip().lower() not in entry.kinds:
            why = f"is not what a body needs here: send it as {wanted}."
            return _refused(UNSUPPORTED, "Content-Type", kind, why)
    return None


def _refused(status: int, header: str, value: str, why: str) -> Refusal:
    shown = ascii(value[:_SHOWN])
    return Refusal(status, header, value[:_SHOWN], f"The header {header} ({shown}) {why}")


def _name_of(host: str) -> str | None:
    """Return the name in a Host header, in lower case, or None if it is malformed."""
    found = _AUTHORITY.fullmatch(host)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return None
    return found["name"].lower()


def header_bytes(text: str) -> bytes:
    """Return a header's text as bytes: those that are no UTF-8 stand in it as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def take_names(parser: argparse.ArgumentParser) -> None:
    """Add the flag for further names of an emulator."""
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        type=host_name,
        help="further name that requests may ask for; may be repeated",
    )


def host_name(text: str) -> str:
    """Read a name for `--allowed-host`; raises ValueError."""
    name = _name_of(text)
    if name is None or name != text.lower():
        raise ValueError(text)
    return name


host_name.__name__ = "host name without a port"  # argparse says "invalid host name without a port"
