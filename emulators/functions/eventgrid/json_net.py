"""JSON as .NET's Newtonsoft reads and writes it: Azure hands an event to a function after that.

Numbers lose their spelling, and a time with an offset is moved to the zone of the host.
"""

import json
import re
import string
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from emulators.functions.worker.wire import Json

_DEEPEST = 64
_PLAIN = frozenset(string.ascii_letters + string.digits + " !#$%()*,-./:;=?@[]^_{|}~")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def read(raw: bytes, zone: ZoneInfo) -> Json:
    """Parse JSON, with or without a byte order mark; raises ValueError for any other text."""
    try:
        value = cast("Json", json.loads(raw.decode("utf-8-sig")))
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    return _rewritten(value, zone, 1)


def indented(value: Json) -> str:
    """Write JSON as Azure hands it to a function."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_text(value: Json) -> str:
    """Return what .NET makes of a JSON value that is used as text."""
    match value:
        case None:
            return ""
        case bool():
            return str(value)
        case str():
            return _as_date(value)
        case _:
            return indented(value)


def escaped(text: str) -> str:
    """Escape a JSON string in the way of System.Text.Json, which escapes more than it has to."""
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in _PLAIN:
        return character
    return _SHORT.get(character) or "".join(f"\\u{unit:04X}" for unit in _utf16(character))


def _utf16(character: str) -> list[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2)]


def _rewritten(value: Json, zone: ZoneInfo, depth: int) -> Json:
    if isinstance(value, str):
        return _moved(value, zone)
    if not isinstance(value, dict | list):
        return value
    if depth > _DEEPEST:
        raise ValueError(f"the JSON is nested more than {_DEEPEST} deep")
    if isinstance(value, list):
        return [_rewritten(item, zone, depth + 1) for item in value]
    return {name: _rewritten(item, zone, depth + 1) for name, item in value.items()}


def _moved(text: str, zone: ZoneInfo) -> str:
    """Rewrite a text that is a time; any other text stays."""
    match = _TIME.fullmatch(text)
    if match is None:
        return text
    seconds, digits, offset = match.groups()
    fraction = f".{digits.rstrip('0')}".rstrip(".") if digits else ""
    try:
        moment = datetime.fromisoformat(seconds + (offset or ""))
        if offset is None or offset == "Z":
            return f"{seconds}{fraction}{offset or ''}"
        moved = moment.astimezone(zone).isoformat()
    except (ValueError, OverflowError):  # no date, or one before year 1 or after 9999 there
        return text
    return f"{moved[:19]}{fraction}{moved[19:]}"


def _as_date(text: str) -> str:
    match = _TIME.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        moment = None
    return f"{moment:%m/%d/%Y %H:%M:%S}" if moment else text
