"""Serves the files and the JSON of the page."""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from emulators.batch.errors import BatchError
from emulators.batch.page.document import View, document
from emulators.batch.page.waiting import why_waiting
from emulators.batch.service.context import Context
from emulators.batch.service.nodes import files

_HERE = Path(__file__).parent
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_TAIL = 8192
_MOST_DIGITS = 12


type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """The routes of the page."""

    def __init__(self, ctx: Context, service: Handler) -> None:
        self._ctx, self._service = ctx, service

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/", self.page),
            web.get("/_admin/page/{file:page\\.(?:css|js)}", self.file),
            web.get("/_admin/page/state", self.state),
            web.get("/_admin/page/tail", self.tail),
            web.get("/_admin/why/{job}/{task}", self.why),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Send the page; a signed request means the service, which has nothing at this address."""
        if "Authorization" in request.headers:
            return await self._service(request)
        return _file("page.html")

    async def file(self, request: web.Request) -> web.Response:
        """Send its style or its script."""
        return _file(request.match_info["file"])

    async def state(self, request: web.Request) -> web.Response:
        """Send the data that the page shows."""
        query = request.query
        start = query.get("start", "")
        known = start.isascii() and start.isdecimal() and len(start) <= _MOST_DIGITS
        view = View(
            pool=query.get("pool", ""),
            job=query.get("job", ""),
            state=query.get("state", ""),
            start=int(start) if known else 0,
        )
        return web.json_response(document(self._ctx, view), headers=_HEADERS)

    async def tail(self, request: web.Request) -> web.Response:
        """Send the end of a task's stdout.txt or stderr.txt as text, whatever it holds."""
        query, text = request.query, ""
        if query.get("file") in ("stdout.txt", "stderr.txt"):
            with contextlib.suppress(BatchError, OSError):
                job = self._ctx.account.job(query.get("job", ""))
                folder, root = files.task_folder(self._ctx, job, job.task(query.get("task", "")))
                text = _end_of(files.locate(folder, query["file"], root))
        return web.Response(text=text, headers=_HEADERS)

    async def why(self, request: web.Request) -> web.Response:
        """Tell why a task waits; empty if it does not."""
        try:
            job = self._ctx.account.job(request.match_info["job"])
            task = job.task(request.match_info["task"])
        except BatchError as error:
            return web.json_response({"error": error.code}, status=error.status)
        pool = self._ctx.account.pools.get(job.pool_id.lower())
        barred = self._ctx.barred.get(job.id, set())
        return web.json_response({"why": why_waiting(job, task, pool, barred)})


def _file(name: str) -> web.Response:
    text = (_HERE / name).read_text("utf-8")
    return web.Response(text=text, content_type=_KINDS[name], headers=_HEADERS)


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read(_TAIL).decode("utf-8", "replace")
