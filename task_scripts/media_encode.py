"""Encodes one range of a video's frames with x264, so that the parts join without new encoding.

Writes `part.mp4`: only video, every source frame of the range exactly once, at the source's own
times. Fails unless the part has exactly `end - start` frames.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information

# Formats that contain the video itself: a playlist could make the node read other files.
FORMATS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,h264,hevc,flv,ogg,asf,mxf,yuv4mpegpipe,gif,ivf"
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower")


class EncodingFailed(Exception):
    """The part is not usable; the message says why."""


def encoder_options(start: int, end: int, crf: int, preset: str) -> list[str]:
    """Return the options for every part; parts with different options would not join."""
    return [
        *("-map", "0:v:0", "-an", "-sn", "-dn", "-map_metadata", "-1"),
        *("-vf", f"trim=start_frame={start}:end_frame={end},setpts=PTS-STARTPTS"),
        *("-filter_threads", "1", "-fps_mode", "passthrough", "-enc_time_base", "demux"),
        *("-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-pix_fmt", "yuv420p"),
        *("-g", "250", "-threads", "1", "-f", "mp4"),
    ]


def encode(source: Path, part: Path, options: Sequence[str], frames: int) -> None:
    """Write the part. Raises EncodingFailed unless it has exactly this number of frames."""
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error"),
        *("-progress", "pipe:1", "-protocol_whitelist", "file", "-format_whitelist", FORMATS),
        *("-threads", "1", "-i", f"file:{source.absolute()}"),
        *options,
        f"file:{part.absolute()}",
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    sys.stderr.write(done.stderr[-8000:].decode(errors="replace"))
    if done.returncode:
        raise EncodingFailed("ffmpeg cannot read this input as a video, or cannot encode it")
    produced = frames_in(done.stdout)
    if produced != frames:
        raise EncodingFailed(f"{frames} frames were expected, but there are {produced}")


def frames_in(progress: bytes) -> int:
    """Read the last number of frames in ffmpeg's progress lines."""
    counts = [line[6:] for line in progress.splitlines() if line.startswith(b"frame=")]
    return int(counts[-1]) if counts else 0


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--start", type=int, required=True, help="first frame")
    parser.add_argument("--end", type=int, required=True, help="the frame after the last")
    parser.add_argument("--crf", type=int, default=23, choices=range(52), metavar="0..51")
    parser.add_argument("--preset", default="medium", choices=PRESETS)
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.start < arguments.end:
        parser.error("--start must not be negative, and --end must be above it")
    return arguments


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Encode the range of frames into part.mp4."""
    del environ
    asked = _arguments(argv)
    options = encoder_options(asked.start, asked.end, asked.crf, asked.preset)
    try:
        encode(asked.input, asked.output / "part.mp4", options, asked.end - asked.start)
    except EncodingFailed as error:
        sys.stderr.write(f"Frames {asked.start} to {asked.end}: {error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
