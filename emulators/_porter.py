"""Stands at the gate of an aiohttp application: asks the gate about each request, before its
handler and before its body is read."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from emulators._gate import LOOPBACK, Asked, Entry, Refusal, entry_of, refusal

IDLE_S = 10.0
_TIMEOUT, _TOO_LARGE = 408, 413

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type ShowsKey = Callable[[web.Request], bool]
type Answer = Callable[[web.Request, Refusal], web.StreamResponse]


@dataclass(frozen=True)
class Porter:
    """What an emulator tells the gate: its entries, its names, its key, and its kind of errors."""

    entries: tuple[Entry, ...]
    key_header: str
    shows_key: ShowsKey
    answer: Answer
    more_hosts: frozenset[str] = frozenset()

    def middleware(self) -> Middleware:
        """Return the middleware, which has to be the outermost."""
        hosts = LOOPBACK | self.more_hosts

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            # By the route that answers, not by the path: a path can be spelled in many ways.
            resource = request.match_info.route.resource
            entry = entry_of(self.entries, resource.canonical if resource else "")
            asked = _asked(request, shows_key=entry.key and self.shows_key(request))
            refused = refusal(asked, entry, hosts, self.key_header)
            if refused is not None:
                return self.answer(request, refused)
            try:
                return await handler(request)
            except BodyRefused as error:
                answer = self.answer(request, Refusal(error.status, "", "", str(error)))
                answer.force_close()  # what is still to come of the body is no request
                return answer

        return guard


def _asked(request: web.Request, *, shows_key: bool) -> Asked:
    def all_of(name: str) -> tuple[str, ...]:
        return tuple(request.headers.getall(name, ()))

    return Asked(
        hosts=all_of("Host"),
        origins=all_of("Origin"),
        sites=all_of("Sec-Fetch-Site"),
        kinds=all_of("Content-Type"),
        encodings=all_of("Content-Encoding"),
        has_body=request.body_exists,
        shows_key=shows_key,
    )


class BodyRefused(Exception):
    """A body that is too large, or that does not come; the porter answers with its status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def read_body(request: web.Request, most: int, idle_s: float = IDLE_S) -> bytes:
    """Return the body as it came, of at most `most` bytes; raises BodyRefused.

    Nothing is decompressed, and no more than the limit is kept. A sender may pause for `idle_s`.
    """
    if (request.content_length or 0) > most:
        raise _too_large(most)
    body = bytearray()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                chunk = await request.content.readany()
        except TimeoutError:
            raise BodyRefused(
                _TIMEOUT,
                f"No byte of the body came for {idle_s:g} s: send as many as Content-Length says.",
            ) from None
        if not chunk:
            return bytes(body)
        body += chunk
        if len(body) > most:
            raise _too_large(most)


def _too_large(most: int) -> BodyRefused:
    return BodyRefused(_TOO_LARGE, f"The body is too large: at most {most:,} bytes are taken.")
