"""The container engine of this machine: sought when first wanted, with the flags that work here."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
# The first set of flags that starts a container wins; later sets are for machines inside machines.
_PODMAN_FLAGS: Sequence[tuple[str, ...]] = (
    (),
    _LIMITS,
    ("--runtime", "runc", *_LIMITS),
    ("--runtime", "crun", "--cgroups=disabled", *_LIMITS),
)
_CHOICES: Mapping[str, Sequence[str]] = {
    "auto": ("podman", "docker"),
    "podman": ("podman",),
    "docker": ("docker",),
    "none": (),
}
_SYSTEM_LINKS = ("bin", "lib", "lib64", "sbin")
_ANSWER_CHARACTERS = 2000
_PROBE_S = 20.0
_NOT_STARTED = 126


@dataclass(frozen=True, slots=True)
class Answer:
    """The output and exit code of one run of the engine's program."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """Return its last complaint."""
        said = (self.err.strip() or self.out.strip())[-_ANSWER_CHARACTERS:]
        return said or f"It said nothing and ended with exit code {self.code}."


@dataclass(frozen=True, slots=True)
class Engine:
    """A program with Docker's command line, and the flags that its containers need on this
    machine."""

    name: str
    path: str
    flags: tuple[str, ...] = ()
    is_rootless: bool = False

    async def call(self, *arguments: str, env: Mapping[str, str] | None = None) -> Answer:
        """Run one command to its end; cancelling the call kills the program."""
        try:
            process = await self._started(arguments, env)
        except (OSError, ValueError) as error:
            return Answer(_NOT_STARTED, "", str(error))
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        return Answer(
            process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
        )

    async def _started(
        self, arguments: Sequence[str], env: Mapping[str, str] | None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self.path,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
        )

    async def remove(self, identifier: str) -> None:
        """Kill and remove a container, whatever state it is in."""
        await self.call("rm", "--force", *self.at_once, identifier)

    async def remove_labelled(self, label: str) -> None:
        """Kill and remove every container with a label."""
        found = (
            await self.call("ps", "--all", "--quiet", "--filter", f"label={label}")
        ).out.split()
        if found:
            await self.call("rm", "--force", *self.at_once, *found)

    def identity(self, user: str) -> tuple[str, ...]:
        """Return the arguments that give a container's program a user of this machine.

        A rootless Docker cannot: inside, this machine's own user is root.
        """
        if not user or (self.is_rootless and self.name == "docker"):
            return ()
        return ("--user", user, *(("--userns", "keep-id") if self.is_rootless else ()))

    @property
    def deaf(self) -> tuple[str, ...]:
        """Return the flag that keeps `start --attach` from passing signals on; Docker has no such
        flag."""
        return ("--sig-proxy=false",) if self.name == "podman" else ()

    @property
    def at_once(self) -> tuple[str, ...]:
        """Return the flag that makes `rm --force` kill at once."""
        return ("--time", "0") if self.name == "podman" else ()


async def find_engine(choice: str) -> Engine | None:
    """Return the first engine that starts a container, or None."""
    for name in _CHOICES[choice]:
        path = shutil.which(name)
        found = await (_podman if name == "podman" else _docker)(path) if path else None
        if found is not None:
            return found
    return None


async def _docker(path: str) -> Engine | None:
    engine = Engine("docker", path)
    if not await _in_time(engine, "version", "--format", "{{.Server.Version}}"):
        return None
    shown = await engine.call("info", "--format", "{{.SecurityOptions}}")
    return replace(engine, is_rootless="rootless" in shown.out)


async def _podman(path: str) -> Engine | None:
    """Test the flags on a container that runs programs of this machine, because no image is at
    hand."""
    with tempfile.TemporaryDirectory(prefix="batch-probe-") as name:
        root = Path(name)
        (root / "usr").mkdir()
        for link in _SYSTEM_LINKS:
            if (Path("/") / link).is_symlink():
                (root / link).symlink_to(f"usr/{link}")
        for flags in _PODMAN_FLAGS:
            engine = Engine("podman", path, flags, is_rootless=os.geteuid() != 0)
            mount = ("--volume", "/usr:/usr:ro", "--network", "host")
            if await _in_time(
                engine, "run", "--rm", *flags, *mount, "--rootfs", name, "/usr/bin/true"
            ):
                return engine
    return None


async def _in_time(engine: Engine, *arguments: str) -> bool:
    try:
        return (await asyncio.wait_for(engine.call(*arguments), _PROBE_S)).code == 0
    except (TimeoutError, OSError):
        return False
