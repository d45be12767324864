"""Builds the arguments of `create` for the container of a task, without a shell and without
secrets."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.agent.environment import MARKER
from emulators.batch.document import Doc

# The engine's program itself reads these, so the task's own values travel as arguments. All other
# variables travel by name, because values may hold secrets and line ends.
ENGINES_OWN = (
    *("PATH", "HOME", "TMPDIR", "LD_", "LC_", "XDG_", "SSL_"),
    *("CONTAINER", "DOCKER_", "DBUS_", "STORAGE_", "REGISTRY_", "BUILDAH_"),
    # A new agent kills every program with this variable, because an earlier agent left it running.
    MARKER,
)
_NETWORK_FLAGS = ("--network", "--net")
_MOUNTS = {
    "shared": "shared",
    "startup": "startup",
    "vfsmounts": "fsmounts",
    "applications": "applications",
}


class InvalidSettings(Exception):
    """The container settings are wrong; the text says which."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The folders of the node that a container may see."""

    root: Path
    directory: Path
    preparation: Path | None = None


def create_arguments(
    settings: Doc, command: list[str], env: Mapping[str, str], frame: Frame
) -> list[str]:
    """Return the arguments after the engine's own flags; a user's options override ours."""
    try:
        options = shlex.split(str(settings.get("containerRunOptions") or ""))
    except ValueError as error:
        raise InvalidSettings(f"containerRunOptions: {error}") from error
    return [
        *_network(options),
        *_mounts(settings.get("containerHostBatchBindMounts"), frame),
        *_environment(env),
        *_working_directory(settings, frame),
        *options,
        "--",
        str(settings.get("imageName") or ""),
        *command,
    ]


def surroundings(env: Mapping[str, str], machine: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the engine's program: its own, and the variables that it passes on
    by name."""
    own = {name: value for name, value in machine.items() if name.startswith(ENGINES_OWN)}
    return own | {name: value for name, value in env.items() if not name.startswith(ENGINES_OWN)}


def _environment(env: Mapping[str, str]) -> Iterator[str]:
    for name, value in env.items():
        yield "--env"
        yield f"{name}={value}" if name.startswith(ENGINES_OWN) else name


def _network(options: list[str]) -> tuple[str, ...]:
    # A task has to reach storage, which listens on the loopback address of this machine.
    given = any(option.split("=")[0] in _NETWORK_FLAGS for option in options)
    return () if given else ("--network", "host")


def _working_directory(settings: Doc, frame: Frame) -> tuple[str, ...]:
    where = str(settings.get("workingDirectory") or "taskWorkingDirectory").lower()
    if where == "containerimagedefault":
        return ()
    return ("--workdir", str(frame.directory / "wd"))


def _mounts(entries: list[Doc] | None, frame: Frame) -> Iterator[str]:
    if entries is None:
        yield from _mount(frame.root, read_only=False)
        return
    for entry in entries:
        folder = _folder(str(entry.get("source") or ""), frame)
        yield from _mount(folder, read_only=bool(entry.get("isReadOnly")))


def _mount(folder: Path, *, read_only: bool) -> tuple[str, str]:
    return "--volume", f"{folder}:{folder}{':ro' if read_only else ''}"


def _folder(source: str, frame: Frame) -> Path:
    key = source.lower()
    if key in _MOUNTS:
        return frame.root / _MOUNTS[key]
    if key == "task":
        return frame.directory
    if key == "jobprep":
        if frame.preparation is None:
            raise InvalidSettings("containerHostBatchBindMounts: the job has no preparation task")
        return frame.preparation
    raise InvalidSettings(f"containerHostBatchBindMounts: unknown source {source!r}")
