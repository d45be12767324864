"""Reads the elements of a JSON array one by one: all at once need many times the text's size."""

import json
import re
from collections.abc import Iterator

from pipeline.domain.texts.strict_json import DECODER

_SPACE = re.compile(r"[ \t\n\r]*")


def elements(text: str) -> Iterator[object]:
    """Yield the elements of an array.

    Raises ValueError for text that is not JSON, TypeError for JSON that is not an array, and
    RecursionError for JSON that is nested too deeply.
    """
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        DECODER.decode(text)
        raise TypeError("not a list")
    at = _after_space(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        element, at = DECODER.raw_decode(text, at)
        yield element
        at = _after_space(text, at)
        more = text[at : at + 1] == ","
        at = _after_space(text, at + 1) if more else at
    if text[at : at + 1] != "]":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    at = _after_space(text, at + 1)
    if at < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
