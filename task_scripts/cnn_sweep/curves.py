"""Draws learning curves as an SVG: the loss of each training over its epochs, logarithmic."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT, _MARGIN, _KEY = 640, 360, 48, 150
_COLOURS = ("#1b6ca8", "#c2571a", "#2d7d46", "#8e44ad", "#b8860b", "#c0392b")
_OTHERS = "#bbb"
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LOWEST, _HIGHEST = 1e-4, 10.0  # losses beyond are drawn there


class Curve(NamedTuple):
    """A training's name and its mean losses, on the images it learnt from and on others."""

    name: str
    training: Sequence[float]
    validation: Sequence[float]


def drawn(curves: Sequence[Curve]) -> str:
    """Return the chart; the first curves have colours and names, the others are grey."""
    epochs = max(len(curve.training) for curve in curves)
    losses = [loss for curve in curves for loss in (*curve.training, *curve.validation)]
    bottom, top = (min(max(end(losses), _LOWEST), _HIGHEST) for end in (min, max))
    span = max(math.log(top / bottom), 1e-9)

    def across(epoch: float) -> float:
        share = (epoch - 1) / max(epochs - 1, 1)
        return _MARGIN + share * (_WIDTH - _MARGIN - _KEY)

    def upward(loss: float) -> float:
        share = math.log(min(max(loss, bottom), top) / bottom) / span
        return _HEIGHT - _MARGIN - share * (_HEIGHT - _MARGIN - 16)

    parts = [*_axes(epochs, (bottom, top), across, upward)]
    for number, curve in reversed(list(enumerate(curves))):
        colour = _COLOURS[number] if number < len(_COLOURS) else _OTHERS
        parts += [
            _line(curve.training, colour, ' stroke-dasharray="4 3"', across, upward),
            _line(curve.validation, colour, "", across, upward),
        ]
        if number < len(_COLOURS):
            where = f'x="{_WIDTH - _KEY + 12}" y="{24 + 17 * number}"'
            parts.append(f'<text {where} fill="{colour}">{curve.name}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _line(
    losses: Sequence[float],
    colour: str,
    more: str,
    across: Callable[[float], float],
    upward: Callable[[float], float],
) -> str:
    points = " ".join(f"{across(n):.1f},{upward(loss):.1f}" for n, loss in enumerate(losses, 1))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{more}/>'


def _axes(
    epochs: int,
    ends: tuple[float, float],
    across: Callable[[float], float],
    upward: Callable[[float], float],
) -> Iterator[str]:
    for loss in (tick for tick in _TICKS if ends[0] <= tick <= ends[1]):
        yield f'<path d="M{_MARGIN} {upward(loss):.1f}H{_WIDTH - _KEY}" stroke="#ddd"/>'
        yield f'<text x="8" y="{upward(loss) + 4:.1f}">{loss:g}</text>'
    for epoch in range(1, epochs + 1, -(-epochs // 10)):
        yield f'<text x="{across(epoch) - 3:.1f}" y="{_HEIGHT - 28}">{epoch}</text>'
    title = "mean loss over epochs; solid: validation, dashed: what it learnt from; best first"
    yield f'<text x="{_MARGIN}" y="{_HEIGHT - 8}">{title}</text>'
