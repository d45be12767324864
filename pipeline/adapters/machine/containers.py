"""The command that runs a task in a container of this machine's engine."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.images.engine import programs
from pipeline.adapters.machine import nesting
from pipeline.errors import ImageRefused
from pipeline.ports.batch import Container, TaskSpec


def engine() -> str:
    """Return the program of a container engine. Raises ImageRefused without one."""
    if program := next(programs(), None):
        return program
    raise ImageRefused(
        "The pipeline's program runs in a container image, and this machine has neither podman "
        "nor docker: install one (`sudo apt-get install --yes podman`), then try again."
    )


def lack(image: str) -> str:
    """Say why the engine does not have an image, and what to do. Raises ImageRefused."""
    program = engine()
    name = Path(program).name
    asked = subprocess.run([program, "info"], capture_output=True, text=True, check=False)
    if asked.returncode:
        said = [line for line in asked.stderr.splitlines() if line.strip()]
        return f"{name} does not answer ({' '.join(said[-1:]) or 'no words'}): start it."
    if image.startswith("localhost/"):
        return f"{name} has no image {image} on this machine: build it, it is in no registry."
    return f"{name} has no image {image} on this machine: `{name} pull {image}`."


@dataclass(frozen=True)
class Wanted:
    """The container that a task wants: its variables inside, and the sources of its mounts.

    `machine` is the environment of the engine's own program.
    """

    spec: TaskSpec
    container: Container
    variables: Mapping[str, str]
    folders: Mapping[str, Path]
    machine: Mapping[str, str]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the engine's program, which passes variables on by name."""
        return {**self.variables, **self.machine}

    def command(self) -> list[str]:
        """Return the command of the container. Raises ImageRefused without an engine."""
        program = engine()
        return [
            program,
            "run",
            "--network=host",  # programs reach this machine's blobs
            *nesting.flags(program, self.container.image),
            *_identity(program),
            *self.container.options,
            *self._mounts(),
            *(part for name in self.variables for part in ("--env", self._passed(name))),
            f"--workdir={self.variables['AZ_BATCH_TASK_WORKING_DIR']}",
            self.container.image,
            *shlex.split(self.spec.command),
        ]

    def _passed(self, name: str) -> str:
        """Pass a variable by name, so that no value stands in an argument list, if it can be."""
        return f"{name}={self.variables[name]}" if name in self.machine else name

    def _mounts(self) -> Iterator[str]:
        for mount in self.container.mounts:
            folder = self.folders[mount.source]
            yield f"--volume={folder}:{folder}" + ":ro" * mount.read_only


def _identity(program: str) -> list[str]:
    """Return what makes the container's files this user's; in podman its root is this user."""
    return [f"--user={os.getuid()}:{os.getgid()}"] if Path(program).name == "docker" else []
