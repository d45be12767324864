"""Draws prices over strikes as an SVG: simulated ones as dots, those without chance as lines."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

_WIDTH, _HEIGHT, _MARGIN = 640, 360, 48
_COLOURS = {"european-call": "#1b6ca8", "european-put": "#c2571a", "american-put": "#2d7d46"}
_TICKS = 5
_ERRORS = 4  # of the bars, to each side


class Point(NamedTuple):
    """A price of a contract of some kind, its standard error, and the price without chance."""

    kind: str
    strike: float
    price: float
    error: float
    reference: float


def drawn(points: Sequence[Point]) -> str:
    """Return the chart."""
    across = _scale([point.strike for point in points], _MARGIN, _WIDTH - 16)
    upward = _scale([0.0, *(point.price for point in points)], _HEIGHT - _MARGIN, 16)
    order = sorted(points)
    parts = [*_axes(points, across, upward)]
    for number, (kind, group) in enumerate(groupby(order, key=lambda point: point.kind)):
        parts += _series(list(group), _COLOURS.get(kind, "#555"), across, upward)
        parts.append(_text(_WIDTH - 120, 30 + 16 * number, kind, _COLOURS.get(kind, "#555")))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Return what maps the values' range to coordinates; a single value lies in the middle."""
    least, most = min(values), max(values)
    if least == most:
        return lambda _: (start + end) / 2
    return lambda value: start + (value - least) / (most - least) * (end - start)


def _series(
    points: Sequence[Point],
    colour: str,
    across: Callable[[float], float],
    upward: Callable[[float], float],
) -> Iterator[str]:
    line = " ".join(f"{across(p.strike):.1f},{upward(p.reference):.1f}" for p in points)
    yield f'<polyline points="{line}" fill="none" stroke="{colour}"/>'
    for point in points:
        x, reach = across(point.strike), _ERRORS * point.error
        low, high = upward(point.price - reach), upward(point.price + reach)
        if point.error == point.error:  # NaN differs from itself
            bar = f"M{x:.1f} {low:.1f}V{high:.1f}"
            yield f'<path d="{bar}" stroke="{colour}" stroke-width="4" opacity=".3"/>'
        yield f'<circle cx="{x:.1f}" cy="{upward(point.price):.1f}" r="3.5" fill="{colour}"/>'


def _axes(
    points: Sequence[Point], across: Callable[[float], float], upward: Callable[[float], float]
) -> Iterator[str]:
    strikes, most = [point.strike for point in points], max(point.price for point in points)
    for number in range(_TICKS + 1):
        strike = min(strikes) + (max(strikes) - min(strikes)) * number / _TICKS
        price = most * number / _TICKS
        yield _text(across(strike) - 10, _HEIGHT - 28, f"{strike:g}", "#333")
        yield _text(6, upward(price) + 4, f"{price:.3g}", "#333")
        yield f'<path d="M{_MARGIN} {upward(price):.1f}H{_WIDTH - 16}" stroke="#ddd"/>'
    title = f"strike; bars: {_ERRORS} standard errors, lines: price without simulation"
    yield _text(_MARGIN, _HEIGHT - 8, title, "#333")


def _text(x: float, y: float, text: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{text}</text>'
