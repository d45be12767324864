"""Draws the distances between faces as an SVG: dark where two faces are close."""

from collections.abc import Sequence
from html import escape

import numpy as np

MOST = 60  # faces that fit the chart
_CELL, _NAMES, _TOP = 34, 210, 40
_LONGEST = 26


def drawn(names: Sequence[str], who: Sequence[int], apart: np.ndarray) -> str:
    """Return the chart of at most MOST faces; a frame marks pairs that are one person's."""
    count = min(len(names), MOST)
    parts = []
    for row in range(count):
        y = _TOP + row * _CELL
        name = escape(names[row].encode("ascii", "backslashreplace").decode()[-_LONGEST:])
        parts.append(f'<text x="8" y="{y + 22}">{row + 1}. {name}</text>')
        parts.append(f'<text x="{_NAMES + row * _CELL + 12}" y="{_TOP - 8}">{row + 1}</text>')
        parts += [
            _cell(row, column, float(apart[row, column]), same=who[row] == who[column])
            for column in range(count)
        ]
    size = f"{_NAMES + count * _CELL + 16} {_TOP + count * _CELL + 32}"
    title = "distance of two faces; framed: the same person"
    parts.append(f'<text x="8" y="{_TOP + count * _CELL + 22}">{title}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _cell(row: int, column: int, distance: float, *, same: bool) -> str:
    x, y = _NAMES + column * _CELL, _TOP + row * _CELL
    light = round(40 + 55 * min(distance, 1))  # percent
    frame = ' stroke="#c2571a" stroke-width="2"' if same else ""
    ink = "white" if light < 60 else "#333"  # noqa: PLR2004 - readable on this
    told = f"{distance:.2f}".lstrip("0") or "0"
    return (
        f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_CELL - 2}" '
        f'fill="hsl(205,60%,{light}%)"{frame}/>'
        f'<text x="{x + 7}" y="{y + 21}" fill="{ink}" font-size="11">{told}</text>'
    )
