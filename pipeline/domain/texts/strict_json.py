"""Reads JSON strictly: what other readers would refuse, or take for something else, is refused."""

import json
import math
from collections.abc import Iterable
from typing import NoReturn

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None

_MOST_DIGITS = 309  # of a number that a double can hold


class NotJson(ValueError):
    """The text is not JSON that every reader understands alike."""


def parse(content: bytes) -> Json:
    """Parse JSON in UTF-8; a byte order mark at its beginning is skipped.

    Raises NotJson, also for NaN, for a number that a double cannot hold, for a key that an object
    has twice, and for half of a surrogate pair.
    """
    try:
        value: Json = DECODER.decode(content.decode("utf-8-sig"))
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()
    except NotJson:
        raise
    except RecursionError as error:
        raise NotJson("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise NotJson("it has half of a surrogate pair, which is no character") from error
    except ValueError as error:
        raise NotJson(str(error)[:200]) from error
    return value


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _fraction(text: str) -> float:
    value = float(text)
    lost = value == 0 and any(digit in "123456789" for digit in text.lower().split("e")[0])
    if lost or not math.isfinite(value):
        raise NotJson(f"a double cannot hold {text[:40]}")
    return value


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS:
        raise NotJson(f"a double cannot hold a number of {len(text):,} digits")
    return int(text)


def _object(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise NotJson(f"an object has the key {key[:60]!r} twice")
        found[key] = value
    return found


DECODER = json.JSONDecoder(
    parse_constant=_constant,
    parse_float=_fraction,
    parse_int=_whole,
    object_pairs_hook=_object,
)
