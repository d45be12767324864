"""Compares the start of a task in a container with that of a task that is a process."""

import time
from collections.abc import Mapping

from tests import images
from tests.e2e.local import Stack

_PROGRAM = 'command: [sh, -c, "exit 0"]'
_DEFINITION = """
trigger: {{blob: {{container: input, prefix: {name}/}}}}
split: {{blobs: {{}}}}
task: {{{image}{program}}}
pool: {pool}
assemble: {{none: {{}}}}
"""
PROCESS, CONTAINER = "start-process", "start-container"


def definitions() -> Mapping[str, str]:
    """Return the pipelines to compare, by name: the same command, with the runner around it."""
    image = f"image: {images.PYTHON_IMAGE}, python: python3, "
    return {
        PROCESS: _DEFINITION.format(name=PROCESS, image="", program=_PROGRAM, pool="cpu"),
        CONTAINER: _DEFINITION.format(
            name=CONTAINER, image=image, program=_PROGRAM, pool="containers"
        ),
    }


def seconds(stack: Stack, name: str, number: int) -> float:
    """Run one such task; return how long Batch says that it took, from its start to its end."""
    run, _ = stack.succeeded(stack.upload(f"{name}/{number}-{time.time_ns()}.txt", b"x", name))
    (end,) = stack.engine.ports.cluster.ends(run.names.job())
    return end.seconds
