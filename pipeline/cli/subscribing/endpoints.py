"""Checks where events go: a URL that Event Grid can call, or a queue that is not the engine's."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.runs.messages import RETIRED, Queue, poison_of
from pipeline.domain.texts.visible import visible

_MOST = 2000  # characters of a URL
_SHOWN = 80
_QUEUE = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]")
_ENGINES = frozenset(name for queue in (*Queue, *RETIRED) for name in (queue, poison_of(queue)))
_PRIVATE = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


class BadEndpoint(CommandError):
    """Events cannot go there; the message says why, and what can be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.USAGE)


def checked_url(url: str, *, public: bool) -> str:
    """Return a URL that Event Grid can call; `public` means from Azure. Raises BadEndpoint."""
    parts = _parts(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _bad(url, "it has to begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise _bad(url, "a user name or password in it is not sent: put a token into its query")
    if parts.fragment:
        raise _bad(url, "the part after # is never sent: remove it")
    if public:
        _check_public(url, parts.scheme, parts.hostname)
    return url


def base_of(url: str) -> str:
    """Return a URL without its query, which may hold a token: so it may be shown and kept."""
    return f"{url.partition('?')[0]}?…" if "?" in url else url


def checked_queue(name: str) -> str:
    """Return the name of a queue that may hold completion events. Raises BadEndpoint."""
    if not _QUEUE.fullmatch(name):
        raise BadEndpoint(
            f"{_shown(name)} is no name of a queue: it has 3 to 63 small letters, digits and "
            "single hyphens, and begins and ends with a letter or digit."
        )
    if name in _ENGINES:
        raise BadEndpoint(
            f"The queue {name} is the engine's own, and an event there would be taken for its "
            "work: choose another name."
        )
    return name


def _parts(url: str) -> SplitResult:
    if len(url) > _MOST:
        raise _bad(url, f"it has {len(url):,} characters, and {_MOST:,} is the most")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise _bad(url, "it has a character that no URL has: write it as %XX")
    try:
        parts = urlsplit(url)
        if parts.port == 0:
            raise ValueError("port 0")  # noqa: TRY301 - one answer to all wrong ports
    except ValueError as error:
        raise _bad(url, f"it is malformed ({error})") from error
    return parts


def _check_public(url: str, scheme: str, host: str) -> None:
    if scheme != "https":
        raise _bad(url, "from Azure, Event Grid calls https:// only")
    try:
        reachable = ipaddress.ip_address(host).is_global
    except ValueError:
        reachable = "." in host.rstrip(".") and not host.rstrip(".").endswith(_PRIVATE)
    if not reachable:
        raise _bad(
            url,
            f"Azure cannot reach {visible(host)}, which is private: give a public address, or "
            "`--queue NAME` and read the queue",
        )


def _bad(url: str, why: str) -> BadEndpoint:
    return BadEndpoint(f"Events cannot go to {_shown(base_of(url))}: {why}.")


def _shown(text: str) -> str:
    shown = visible(text).replace("\n", "\\n")
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
