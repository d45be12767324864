"""How films for tests are made: by ffmpeg's own command line, and the list of all of them.

The media programs use PyAV, and must not judge themselves. A film's name says its kind and its
container.
"""

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SIZE = "64x48"
type Film = Callable[[Path], object]

FILMS: dict[str, Film] = {}
FIRST: list[str] = []  # one film of each kind


def ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg; return what it said. Raises CalledProcessError."""
    command = [FFMPEG, "-nostdin", "-hide_banner", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stderr


def picture(seconds: float = 2, rate: str = "25", size: str = SIZE, more: str = "") -> list[str]:
    """Return the input that draws a moving picture, with filters behind it."""
    drawn = f"testsrc2=duration={seconds}:size={size}:rate={rate}"
    return ["-f", "lavfi", "-i", drawn + (f",{more}" if more else "")]


def sound(seconds: float = 2, pitch: int = 440) -> list[str]:
    """Return the input that makes a tone."""
    return ["-f", "lavfi", "-i", f"sine=frequency={pitch}:duration={seconds}:sample_rate=44100"]


def coded(codec: str = "libx264", *more: str) -> list[str]:
    """Return the options of a codec, with B-frames and several key frames where it has them."""
    if codec == "libx264":
        return ["-c:v", codec, "-preset", "ultrafast", "-bf", "2", "-g", "12", *more]
    return ["-c:v", codec, *more]


def film(*names: str) -> Callable[[Film], Film]:
    """Add a film under its names; the file gets the name's ending."""

    def add(make: Film) -> Film:
        FILMS.update(dict.fromkeys(names, make))
        FIRST.append(names[0])
        return make

    return add


YUV = ("-pix_fmt", "yuv420p")
X264 = coded("libx264", *YUV)


def lines(text: str, pattern: str) -> Sequence[str]:
    """Return the lines of what ffmpeg said that match."""
    return [line.strip() for line in text.splitlines() if re.search(pattern, line)]
