"""What each route of the host requires of a request's headers, and how it refuses one."""

from aiohttp import web

from emulators._gate import JSON, Entry, Refusal
from emulators._porter import Porter

# Routes of the app take any content type, as in Azure. All routes check their keys themselves.
ENTRIES = (Entry("/admin/functions/", kinds=JSON),)


def porter(allowed_hosts: frozenset[str]) -> Porter:
    """Return the porter of one host."""
    return Porter(ENTRIES, "x-functions-key", lambda _: False, _answer, allowed_hosts)


def _answer(_: web.Request, refused: Refusal) -> web.Response:
    return web.json_response({"error": str(refused)}, status=refused.status)
