"""Sends files, or the range that `ocp-range` names; the service answers 200 to both."""

import re
from pathlib import Path

from aiohttp import web

from emulators.batch.errors import BatchError

_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")
_PIECE = 1 << 18


async def send_file(
    request: web.Request, path: Path, headers: dict[str, str]
) -> web.StreamResponse:
    """Stream a file that may still grow; the answer holds what is there now."""
    size = path.stat().st_size
    start, end = wanted_range(request.headers.get("ocp-range", ""), size)
    response = web.StreamResponse(
        status=200, headers={**headers, "Content-Length": str(end - start)}
    )
    await response.prepare(request)
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            await response.write(piece)
    await response.write_eof()
    return response


def wanted_range(text: str, size: int) -> tuple[int, int]:
    """Return the first byte and the byte after the last; refuse a range outside the file."""
    if not text:
        return 0, size
    found = _RANGE.match(text)
    if found is None or not (found[1] or found[2]):
        raise BatchError("InvalidHeaderValue", HeaderName="ocp-range")
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    if start >= size or start >= end:
        raise BatchError("InvalidRange")
    return start, end
