"""Runs into the trouble that its line names: a limit of memory, or a disk that is full."""

import resource
import sys
from pathlib import Path


def memory() -> None:
    """Ask for twice the memory that there may be."""
    most = 256 << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    bytearray(2 * most)


def disk() -> None:
    """Write to a device that is always full."""
    Path("/dev/full").write_bytes(b"x")


if __name__ == "__main__":
    {"memory": memory, "disk": disk}[sys.argv[1]]()
