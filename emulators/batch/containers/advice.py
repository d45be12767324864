"""Finds what a container task gets away with here, although it would fail in the cloud."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from emulators.batch.containers.options import RunOptions
from emulators.batch.containers.remains import Remains

_GPU_VARIABLE = "NVIDIA_VISIBLE_DEVICES"
_MOST_FILES = 10_000

KEPT = (
    "containerRunOptions lack --rm: in Azure the container stays, and its layers fill the disk "
    "until the node is unusable."
)
HOST_NETWORK = (
    "containerRunOptions ask for --network host: nobody is known to use that in Azure, where "
    "containers have the bridge network and their localhost is not the node's."
)
NO_GPU = (
    "Neither image nor task sets NVIDIA_VISIBLE_DEVICES: in Azure the program sees no GPU. Set "
    "NVIDIA_VISIBLE_DEVICES=all and NVIDIA_DRIVER_CAPABILITIES."
)
PROCESSOR = (
    "The image is for another processor than the nodes of this size have: in Azure it cannot be "
    "pulled. Build it for the size's processor, or for both."
)
ROOT = (
    "The program was root, although its identity is no administrator: in Azure it has an ordinary "
    "user's id, and cannot write into folders of the image. Start the emulator with --users map."
)
ROOTS_FILES = (
    "The program left files of root in its directory: later tasks of ordinary users cannot change "
    "them. Use chmod at the end, or the same identity everywhere."
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the cloud would look at.

    The pool's size has GPUs, and `fits` this machine's images. The identity is an administrator.
    Root inside is root outside. The program began at `began_s`, seconds since 1970, to write into a
    directory.
    """

    has_gpu: bool
    fits: bool
    is_admin: bool
    maps_root: bool
    began_s: float
    directory: Path


def warnings_about(options: RunOptions, remains: Remains, around: Circumstances) -> Iterator[str]:
    """Yield the warnings about a container whose program has ended."""
    if not options.removes:
        yield KEPT
    if options.network == "host":
        yield HOST_NETWORK
    if not around.fits:
        yield PROCESSOR
    if around.has_gpu and remains.started and not remains.has(_GPU_VARIABLE):
        yield NO_GPU
    if remains.started and remains.is_root and around.maps_root:
        if not around.is_admin:
            yield ROOT
        elif _has_files_of_root(around):
            yield ROOTS_FILES


def _has_files_of_root(around: Circumstances) -> bool:
    for path in islice((around.directory / "wd").rglob("*"), _MOST_FILES):
        about = path.lstat()
        if about.st_uid == 0 and about.st_ctime >= around.began_s:
            return True
    return False
