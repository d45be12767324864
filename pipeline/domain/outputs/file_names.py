"""Judges names of outputs before they become files of a person's machine: programs chose them.

A folder of outputs must mean the same on every machine to which it is copied. So a name is refused
that only some systems take, or that two of them take for the same.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from pipeline.domain.runs.naming import MANIFEST
from pipeline.domain.texts.visible import visible
from pipeline.errors import Permanent

DEVICES = r"con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]"  # of Windows, a pattern
MARK = ".fanfare-"  # names of files that are not complete yet begin with it
_LONGEST = 255  # bytes of one part of a path, on all common file systems
_SHOWN = 120
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(rf"(?:{DEVICES}) *(?:[.:].*)?")
_WHOLE: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda name: not name.isprintable(), "has a control character"),
    (lambda name: "\\" in name, "has a backslash, which some systems take for a folder"),
    (lambda name: name.startswith("/"), "is absolute"),
    (_DRIVE.match, "begins with a drive"),
)
_PARTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda part: part in ("", ".", ".."), "leaves its folder"),
    (lambda part: len(part.encode()) > _LONGEST, f"has a part of more than {_LONGEST} bytes"),
    (lambda part: part.casefold().startswith(MARK), f"has a part that begins with {MARK}"),
    (lambda part: _DEVICE.fullmatch(part.casefold()), "is that of a device on some systems"),
)


def paths_of(names: Iterable[str]) -> dict[str, PurePosixPath]:
    """Return where each output lies in a folder. Raises Permanent for a name that is not safe."""
    files: dict[tuple[str, ...], str] = {(MANIFEST,): MANIFEST}
    folders: dict[tuple[str, ...], str] = {}
    found = dict[str, PurePosixPath]()
    for name in names:
        _check(name)
        key = tuple(_folded(part) for part in name.split("/"))
        above = [key[:length] for length in range(1, len(key))]
        other = files.get(key) or folders.get(key)
        other = other or next((files[folder] for folder in above if folder in files), None)
        if other:
            raise _refused(name, f"and {_shown(other)} are the same file on some systems")
        files[key] = name
        folders |= dict.fromkeys(above, name)
        found[name] = PurePosixPath(name)
    return found


def _check(name: str) -> None:
    reason = next((why for is_bad, why in _WHOLE if is_bad(name)), None)
    parts = name.split("/") if reason is None else []
    why = reason or next((why for part in parts for is_bad, why in _PARTS if is_bad(part)), None)
    if why:
        raise _refused(name, why)


def _folded(part: str) -> str:
    """Return what some file systems see of a name: no case, one form, no dots at its end."""
    return unicodedata.normalize("NFC", part).casefold().rstrip(" .")


def _refused(name: str, why: str) -> Permanent:
    return Permanent(
        f"The name of the output {_shown(name)} {why}. Nothing is written: rename it in the "
        "pipeline's program, or fetch this output with another tool, such as azcopy."
    )


def _shown(name: str) -> str:
    return repr(visible(name)[:_SHOWN])
