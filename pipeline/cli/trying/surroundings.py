"""What trying needs of this machine: a folder for each trial, and a cache that outlives it."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError
from pipeline.cli.fetching.desktop import cache_folder
from pipeline.cli.stack import signals

_IMAGE = "emulators.batch.service.machines.node_image"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def cache() -> Path:
    """Return the folder that keeps the node's image and its environments; made if needed.

    It belongs to one Python and one PATH, of which the image tells. Raises CommandError.
    """
    here = json.dumps([sys.executable, sys.version, os.environ.get("PATH", "")])
    folder = cache_folder() / f"node-{hashlib.sha256(here.encode()).hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CommandError(
            f"The cache {folder} cannot be made ({error.strerror}): "
            "set XDG_CACHE_HOME to a folder in which you may write."
        ) from error
    return folder


@contextmanager
def folder(kept: bool) -> Iterator[Path]:
    """Make a folder of this user alone, and remove it unless it is to be kept.

    Raises CommandError if it cannot be made, or if the disk is full.
    """
    try:
        made = Path(tempfile.mkdtemp(prefix="fanfare-try-"))
    except OSError as error:
        raise CommandError(
            f"No temporary folder can be made ({error.strerror}): "
            "set TMPDIR to a folder in which you may write."
        ) from error
    try:
        yield made
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise CommandError(
            f"The disk of {made.parent} is full ({error.strerror}): free some of it, or set "
            "TMPDIR to a folder on another disk."
        ) from error
    finally:
        signals.ending()
        if not kept:
            shutil.rmtree(made, ignore_errors=True)


def make_image(target: Path) -> None:
    """Make the image of a node, as the local stack makes it. Raises CommandError."""
    done = subprocess.run(
        [sys.executable, "-m", _IMAGE, str(target)],
        cwd=APP_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise CommandError(f"The Python of nodes cannot be made ({last}): is python3-venv there?")
