"""Finds the files that an output pattern means, and the names of their blobs."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from emulators.batch.agent.beneath import is_file, is_folder

_WILD = re.compile(r"[*?\[]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def expand(pattern: str, env: Mapping[str, str]) -> str:
    """Replace environment variables of the task in a pattern; unknown ones stay as they are."""
    return _VARIABLE.sub(lambda found: env.get(found[1] or found[2], found[0]), pattern)


def is_wild(pattern: str) -> bool:
    """Tell whether a pattern may match several files."""
    return bool(_WILD.search(pattern))


def matches(pattern: str, wd: Path, anchor: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Yield each matching file, in any order, with its name below the fixed folder of the pattern.

    No link is followed beneath the anchor, or beneath the fixed folder if that lies elsewhere.
    """
    parts = PurePosixPath(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if is_wild(part)), len(parts) - 1)
    base = Path(os.path.normpath(wd.joinpath(*parts[:fixed])))
    rest = parts[fixed:]
    anchor = anchor_of(base, anchor)
    if not is_folder(base, anchor):
        return
    for path in _walk(base, rest):
        if is_file(path, anchor):
            yield path, path.relative_to(base).as_posix()


def anchor_of(path: Path, anchor: Path | None) -> Path:
    """Return the anchor if a folder lies beneath it, and else the folder itself."""
    return anchor if anchor is not None and path.is_relative_to(anchor) else path


def _walk(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts or folder.is_symlink() or not folder.is_dir():
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _walk(folder, rest or ("*",))
        for child in folder.iterdir():
            if not child.name.startswith("."):
                yield from _walk(child, parts)
        return
    if first in ("..", "."):
        yield from _walk(folder / first, rest)
        return
    expression = component(first)
    for child in folder.iterdir():
        if expression.fullmatch(child.name) and (
            first.startswith(".") or not child.name.startswith(".")
        ):
            if rest:
                yield from _walk(child, rest)
            else:
                yield child


def component(pattern: str) -> re.Pattern[str]:
    """Translate one path component: `*`, `?`, `[abc]`, `[a-c]`, `[!a]`; all else is literal."""
    out, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        end = pattern.find("]", position + 2) if char == "[" else -1
        if char == "[" and end > 0:
            inside = (
                pattern[position + 1 : end]
                .replace("\\", "\\\\")
                .replace("^", "\\^")
                .replace("[", "\\[")
            )
            out += f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            position = end
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
        position += 1
    return re.compile(out, re.DOTALL)
