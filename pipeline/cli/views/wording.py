"""How values are written for people: sizes, times, costs, and untrusted text."""

from datetime import datetime

from pipeline.domain.texts.visible import visible

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def one_line(text: str, length: int = 300) -> str:
    """Put an untrusted text on one line of bounded length."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"


def shortened(text: str, width: int | None) -> str:
    """Fit a name into so many characters, None for any; its end is kept, which tells most."""
    if width is None or len(text) <= max(width, 2):
        return text
    begin = max(width, 2) // 3
    return f"{text[:begin]}…{text[begin + 1 - max(width, 2) :]}"


def size(count: float) -> str:
    """Write a number of bytes."""
    unit = 0
    while count >= _STEP and unit < len(_UNITS) - 1:
        count, unit = count / _STEP, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def count(number: int, noun: str) -> str:
    """Write a number of things: `1 run`, `2,000 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(seconds: float) -> str:
    """Write a length of time: `4.2 s`, `3m05s`, `2h10m`, `3d4h`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR}h"


def ago(moment: datetime, now: datetime) -> str:
    """Write how long ago something was."""
    return f"{span(max(0.0, (now - moment).total_seconds()))} ago"


def money(amount: float, currency: str) -> str:
    """Write a cost; a small one keeps its significant digits."""
    digits = f"{amount:,.2f}" if amount >= 1 else f"{amount:.6f}".rstrip("0").rstrip(".")
    return f"{digits} {currency}"


def cost(node_seconds: float, amount: float, currency: str) -> str:
    """Write the node-seconds of a run and their cost."""
    used = f"{node_seconds:,.1f} node-seconds"
    return f"{used}, {money(amount, currency)}" if currency else used
