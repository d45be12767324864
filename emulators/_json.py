"""JSON of strangers: reads what can be kept, and written again as part of something larger."""

import json
import math

# With fewer brackets than these, nesting stays far below Python's own limit.
_MANY_BRACKETS = 900
_MARGIN = 50
_MOST_DIGITS = 400  # the largest number of IEEE 754 has 309


def parse_json(raw: bytes) -> object:
    """Parse JSON; raises ValueError for any other text, and for what JSON cannot hold again.

    That is nesting without end, numbers without a value, and halves of characters.
    """
    try:
        value: object = json.loads(
            raw, parse_constant=_refuse_number, parse_float=_finite, parse_int=_whole
        )
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
        _check_depth(value, raw)
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error
    return value


def _check_depth(value: object, raw: bytes) -> None:
    """Refuse what can be read, but not written again as part of something larger."""
    if raw.count(b"[") + raw.count(b"{") > _MANY_BRACKETS:
        for _ in range(_MARGIN):
            value = [value]
        json.dumps(value)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:50]} is too large a number.")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{text[:50]} is too large a number.")
    return int(text)


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number.")
