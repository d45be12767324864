"""Builds the arguments of `create` for the container of a task, without a shell and without
secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emulators.batch.agent.environment import MARKER
from emulators.batch.containers.mounts import Frame, read_mounts
from emulators.batch.containers.options import RunOptions, read_options
from emulators.batch.document import Doc

# The engine's program itself reads these, so the task's own values travel as arguments. All other
# variables travel by name, because values may hold secrets and line ends.
ENGINES_OWN = (
    *("PATH", "HOME", "TMPDIR", "LD_", "LC_", "XDG_", "SSL_"),
    *("CONTAINER", "DOCKER_", "DBUS_", "STORAGE_", "REGISTRY_", "BUILDAH_"),
    # A new agent kills every program with this variable, because an earlier agent left it running.
    MARKER,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The container that a task wants.

    `variables` are the task's own on the node, `env` those inside. `registries` are the pool's.
    `user` is `uid:gid`, or empty for the image's own user.
    """

    settings: Doc
    command: tuple[str, ...]
    variables: Mapping[str, str]
    env: Mapping[str, str]
    frame: Frame
    registries: tuple[Doc, ...] = ()
    user: str = ""

    @property
    def image(self) -> str:
        """Return the name of its image."""
        return str(self.settings.get("imageName") or "")

    def options(self) -> RunOptions:
        """Return its options; raises InvalidSettings."""
        text = str(self.settings.get("containerRunOptions") or "")
        return read_options(text, self.variables)


def create_arguments(wanted: Wanted, identity: tuple[str, ...] = ()) -> list[str]:
    """Return the arguments after the engine's own flags; a user's options override ours. Raises
    InvalidSettings."""
    options, mounts = wanted.options(), read_mounts(wanted.settings, wanted.frame)
    return [
        # A task has to reach storage, which listens on the loopback address of this machine.
        *(() if options.network else ("--network", "host")),
        *identity,
        *mounts.arguments,
        *_environment(mounts.visible(wanted.env)),
        *_working_directory(wanted),
        *options.arguments,
        "--",
        wanted.image,
        *wanted.command,
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


def _working_directory(wanted: Wanted) -> tuple[str, ...]:
    where = str(wanted.settings.get("workingDirectory") or "taskWorkingDirectory").lower()
    if where == "containerimagedefault":
        return ()
    return ("--workdir", str(wanted.frame.directory / "wd"))
