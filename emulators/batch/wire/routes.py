"""The route table: finds every operation of the service by method and raw path."""

from collections.abc import Mapping
from urllib.parse import unquote

from emulators.batch.errors import BatchError
from emulators.batch.wire import account, files, jobs, nodes, pools, schedules, tasks
from emulators.batch.wire.call import Route

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *pools.ROUTES,
    *jobs.ROUTES,
    *schedules.ROUTES,
    *tasks.ROUTES,
    *nodes.ROUTES,
    *files.ROUTES,
)
OPERATIONS = frozenset(route.operation for route in ROUTES)
_FILE = "{filePath}"


class RouteTable:
    """Finds the route of a request from the raw path, because parameters may hold encoded
    slashes."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._by_shape: dict[tuple[str, ...], list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for route in routes:
            parts = tuple(route.path.strip("/").split("/"))
            shape = (parts[0], "*" if parts[-1] == _FILE else str(len(parts)))
            for known, methods in self._by_shape.setdefault(shape, []):
                if known == parts:
                    methods[route.method] = route
                    break
            else:
                self._by_shape[shape].append((parts, {route.method: route}))

    def find(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route and its decoded parameters, or refuse."""
        parts = raw_path.strip("/").split("/")
        first = parts[0].lower()
        for shape in ((first, str(len(parts))), (first, "*")):
            for template, methods in self._by_shape.get(shape, ()):
                params = _match(template, parts)
                if params is None:
                    continue
                if method not in methods:
                    raise BatchError("UnsupportedHttpVerb")
                return methods[method], params
        raise BatchError("InvalidUri", status=404)


def _match(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for index, part in enumerate(template):
        if index >= len(parts):
            return None
        if part == _FILE:
            # Some clients do not encode the slashes of a file's path; we accept that too.
            # File names need not be text.
            params["filePath"] = unquote("/".join(parts[index:]), errors="surrogateescape")
            return params
        if part.startswith("{"):
            params[part[1:-1]] = unquote(parts[index])
        elif part != parts[index].lower():
            return None
    return params if len(template) == len(parts) else None
