"""Opens a file or a folder with the program that the desktop has for it."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

# Kinds that are looked at. Whatever may contain a program (HTML, SVG, documents with macros, and
# everything unknown) is not in this list, so that opening an output never runs it.
LOOKED_AT = frozenset({
    ".aac", ".avi", ".bmp", ".csv", ".flac", ".gif", ".jpeg", ".jpg", ".json",
    ".jsonl", ".log", ".m4a", ".md", ".mkv", ".mov", ".mp3", ".mp4", ".ogg",
    ".opus", ".pdf", ".png", ".tif", ".tiff", ".tsv", ".txt", ".wav", ".webm",
    ".webp",
})  # fmt: skip


def has_desktop(environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> bool:
    """Return whether somebody sits before a desktop that can open files."""
    if system == "win32":
        return True
    if system == "darwin":
        return "SSH_CONNECTION" not in environ
    seen = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return bool(seen) and shutil.which("xdg-open", path=environ.get("PATH")) is not None


def open_there(path: Path) -> bool:
    """Open a path with the desktop's program, and return at once; False without a desktop."""
    return has_desktop() and typer.launch(str(path.resolve())) == 0


def can_be_looked_at(path: Path) -> bool:
    """Return whether a file is of a kind that programs only show."""
    return path.suffix.lower() in LOOKED_AT


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which this user's programs keep what they can fetch again."""
    base = environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "fanfare"
