"""The sample album: seven portraits by the White House, from the sources of face_recognition.

They are works of the US government: six of Barack Obama, one of Joe Biden.
"""

import json
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.cli.exits import CommandError
from pipeline.cli.samples import fetched

_FOLDER = fetched.CACHE / "people"
_INSIDE = "face_recognition-1.3.0/tests/test_images"
_NAMES = (
    "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg",
    "obama_partial_face2.jpg", "32bit.png",
)  # fmt: skip


def album() -> bytes:
    """Return the list of the images."""
    return f"{json.dumps([f'people/{name}' for name in _NAMES], indent=1)}\n".encode()


def images() -> dict[str, bytes]:
    """Return the images by their names; the first call fetches them. Raises CommandError."""
    if not _FOLDER.exists():
        _FOLDER.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=_FOLDER.parent) as folder:
            archive = fetched.sources("faces", Path(folder))
            fresh = Path(folder, "people")
            fresh.mkdir()
            for name, content in _unpacked(archive).items():
                (fresh / name).write_bytes(content)
            shutil.rmtree(_FOLDER, ignore_errors=True)
            fresh.rename(_FOLDER)
    return {f"people/{name}": (_FOLDER / name).read_bytes() for name in _NAMES}


def _unpacked(archive: Path) -> dict[str, bytes]:
    found = {}
    with tarfile.open(archive) as packed:
        for name in _NAMES:
            file = packed.extractfile(f"{_INSIDE}/{name}")
            if file is None:
                raise CommandError(f"{archive.name} has no image {name}.")
            found[name] = file.read()
    return found
