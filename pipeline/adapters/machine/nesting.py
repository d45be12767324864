"""Finds the flags with which Podman starts containers on a machine that is itself inside one."""

import subprocess
from functools import cache
from pathlib import Path

_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
_CHOICES = ((), _LIMITS, ("--runtime=runc", *_LIMITS), ("--cgroups=disabled", *_LIMITS))
_NOWHERE = "--entrypoint=/no/such/program"
_GOT_THERE = 127  # the exit code if all that lacks in the container is the program
_PROBE_S = 20


@cache
def flags(program: str, image: str) -> tuple[str, ...]:
    """Return the first flags with which a container of an image gets as far as its program.

    Without any that do, and for Docker, whose service starts containers, they are none: then the
    task's own container tells what is wrong.
    """
    if Path(program).name == "docker":
        return ()
    return next((tried for tried in _CHOICES if _starts(program, image, tried)), ())


def _starts(program: str, image: str, tried: tuple[str, ...]) -> bool:
    command = [program, "run", "--rm", "--network=host", *tried, _NOWHERE, image]
    try:
        probe = subprocess.run(command, capture_output=True, timeout=_PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == _GOT_THERE
