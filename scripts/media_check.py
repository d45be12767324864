"""Compares an encoded video with its source: the number of frames, and the similarity."""

import re
import subprocess
from pathlib import Path


def frames_and_ssim(ffmpeg: str, source: Path, output: Path) -> tuple[int, float]:
    """Decode the output; return its number of frames and the mean SSIM against the source."""
    shown = _run(ffmpeg, "-i", f"file:{output.absolute()}", "-map", "0:v:0")
    frames = [int(found) for found in re.findall(r"^frame=(\d+)", shown, re.MULTILINE)]
    compare = ("-i", f"file:{source.absolute()}", "-i", f"file:{output.absolute()}")
    alike = _run(ffmpeg, *compare, "-lavfi", "[1:v:0][0:v:0]ssim")
    return frames[-1], float(re.findall(r"SSIM .*All:([0-9.]+)", alike)[-1])


def _run(ffmpeg: str, *arguments: str) -> str:
    start = [ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-progress", "pipe:1"]
    done = subprocess.run(
        [*start, *arguments, "-f", "null", "-"], capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr
