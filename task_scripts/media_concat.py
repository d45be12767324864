"""Joins encoded parts into one video without new encoding, and adds the source's sound once.

Reads `parts.json`: a list with `file` in playing order; relative paths start from its folder.
Fails unless the joined video has every frame of its parts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information

_READ = ("-protocol_whitelist", "file", "-format_whitelist")
_SOURCES = "mov,matroska,avi,mpeg,mpegts,mpegvideo,h264,hevc,flv,ogg,asf,mxf,yuv4mpegpipe,gif,ivf"


class JoiningFailed(Exception):
    """The parts cannot be joined; the message says why."""


def read_parts(listing: Path) -> list[Path]:
    """Read the paths of the parts, in order. Raises JoiningFailed."""
    try:
        entries = json.loads(listing.read_bytes())
        parts = [listing.absolute().parent / entry["file"] for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise JoiningFailed(f"{listing.name} is not a list of parts: {error!r}") from error
    missing = [part for part in parts if not part.is_file()]
    if missing or not parts:
        raise JoiningFailed(f"{len(missing)} of {len(parts)} parts are missing")
    return parts


def join(parts: Sequence[Path], source: Path, joined: Path) -> int:
    """Join the parts and the source's sound into a file; return its number of frames."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        listing = _listing(Path(folder), parts)
        _ffmpeg(
            *(*_READ, "concat,mov", "-f", "concat", "-i", f"file:{listing}"),
            *(*_READ, _SOURCES, "-i", f"file:{source.absolute()}"),
            *("-map", "0:v:0", "-map", "1:a?", "-c", "copy", "-map_metadata", "-1"),
            *("-movflags", "+faststart", "-f", "mp4", f"file:{joined.absolute()}"),
        )
    expected = sum(count_frames(part) for part in parts)
    frames = count_frames(joined)
    if frames != expected:
        raise JoiningFailed(f"the parts have {expected} frames, but the joined video {frames}")
    return frames


def _listing(folder: Path, parts: Sequence[Path]) -> Path:
    """Write ffmpeg's list with plain names, since it reads quotes in file names as syntax."""
    names = [f"part-{number:06d}.mp4" for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        (folder / name).symlink_to(part)
    listing = folder / "parts.txt"
    listing.write_text("".join(f"file {name}\n" for name in names), encoding="ascii")
    return listing


def count_frames(video: Path) -> int:
    """Count the frames of a trusted video, without decoding them."""
    counted = _ffmpeg(
        *(*_READ, "mov", "-i", f"file:{video.absolute()}"),
        *("-map", "0:v:0", "-c", "copy", "-f", "null", "-"),
    )
    counts = [line[6:] for line in counted.splitlines() if line.startswith(b"frame=")]
    return int(counts[-1]) if counts else 0


def _ffmpeg(*arguments: str) -> bytes:
    start = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error")
    command = [*start, "-progress", "pipe:1", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    sys.stderr.write(done.stderr[-8000:].decode(errors="replace"))
    if done.returncode:
        raise JoiningFailed("ffmpeg failed, see its messages above")
    return done.stdout


def plain_name(text: str) -> str:
    """Accept a file name without folders. Raises ArgumentTypeError."""
    if text in {"", ".", ".."} or "/" in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not a plain file name")
    return text


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the joined video to the output folder."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--source", type=Path, required=True, help="the video with the sound")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    parser.add_argument("--name", type=plain_name, default="video.mp4")
    parser.add_argument("--frames", type=int, help="the number of frames that the video must have")
    asked = parser.parse_args(argv)
    joined = asked.output / ".joined.mp4"
    try:
        frames = join(read_parts(asked.parts), asked.source, joined)
        if asked.frames not in {None, frames}:
            raise JoiningFailed(f"{asked.frames} frames were expected, but there are {frames}")  # noqa: TRY301 - one exit for all failures
    except JoiningFailed as error:
        joined.unlink(missing_ok=True)
        sys.stderr.write(f"The parts were not joined: {error}.\n")
        return 1
    joined.rename(asked.output / asked.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
