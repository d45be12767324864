"""The deployment that a command works on: the local stack, or one that an env file describes."""

import os
import platform
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.bootstrap import build
from pipeline.cli.doors import address
from pipeline.cli.doors.address import Address
from pipeline.cli.doors.door import Door
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project, current
from pipeline.cli.project.targets import Target
from pipeline.cli.stack.process import ENV, LOCK, LocalStack
from pipeline.domain.catalogue.catalogue import Catalogue, load_catalogue
from pipeline.domain.health.findings import Deployment
from pipeline.domain.health.roles import NAMES, Role
from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.domain.waiting.remedies import BETWEEN, BY_HAND
from pipeline.handlers.engine import Engine
from pipeline.settings import Settings

# What the one who deploys gets (`infra/modules/roles.bicep`), in words of the portal.
DIRECT_ROLES = ", ".join(
    NAMES[role]
    for role in (
        Role.BLOB_CONTRIBUTOR,
        Role.QUEUE_CONTRIBUTOR,
        Role.TABLE_CONTRIBUTOR,
        Role.BATCH_CONTRIBUTOR,
    )
)


class StackDown(CommandError):
    """The target is a local stack that does not run; `remedy` starts it."""

    def __init__(self, remedy: str) -> None:
        text = f"start it with `{remedy}`, or name a deployment with --target."
        super().__init__(f"The local stack is not up: {text}", Exit.UNREACHABLE)
        self.remedy = remedy


def connect(target: Path | None, project: Project | None = None) -> Engine:
    """Make the engine of a target. Raises CommandError when the target is not available."""
    return build(settings_of(target, project))


def caller(target: Path | None, engine: Engine, project: Project) -> Asker:
    """Return who uses the command line: the login in Azure, the operating system's user here.

    Raises Transient without a login.
    """
    if engine.local:
        return os_user()
    # It needs the SDK, which takes half a second that no other command should pay.
    from pipeline.adapters.identity import callers  # noqa: PLC0415 see above

    return callers.of_login(settings_of(target, project))


def address_of(target: Path | None) -> Address | None:
    """Return where a target answers over HTTP; None for a local stack. Raises CommandError."""
    if target is None or is_stack(target):
        return None
    path = _file_of(target)
    name = path.parent.name if path.name == ".env" else path.name
    return address.of_env(read_env(path), name)


def address_of_url(app: Target, project: Project | None, environ: Mapping[str, str]) -> Address:
    """Return the address of a target that is named by its URL. Raises CommandError."""
    stack = LocalStack(project.data, project) if project else None
    return address.of_url(app.name, stack, environ, app.client)


def remote(where: Address, note: Callable[[str], None]) -> Door:
    """Return the way to an app over HTTP, as the function key or the user's login allows."""
    from pipeline.cli.doors.calls import Calls  # noqa: PLC0415 - for this way alone
    from pipeline.cli.doors.remote import RemoteDoor  # noqa: PLC0415 - as above

    if where.key:
        return RemoteDoor(Calls(where, lambda: {"x-functions-key": where.key}), note)
    # It needs the SDK, as in `caller`.
    from pipeline.adapters.identity.callers import tokens_for  # noqa: PLC0415

    token = tokens_for(f"api://{where.client}/.default")
    return RemoteDoor(Calls(where, lambda: {"authorization": f"Bearer {token()}"}), note)


def subscriptions(subscription: str, group: str, topic: str) -> Mapping[str, Mapping[str, object]]:
    """Read the event subscriptions of a deployment's topic, with the user's own login."""
    # As above: it needs the SDK.
    from pipeline.adapters import management  # noqa: PLC0415

    where = Deployment(subscription=subscription, group=group)
    return management.connect(where).subscriptions(topic)


def os_user() -> Asker:
    """Return the user of this process; the environment has no say in it."""
    import pwd  # noqa: PLC0415 - Windows has none, and no local stack that asks for it

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run with a number that has no name
        name = str(os.getuid())
    return Asker(kind=AskerKind.USER, name=name, id=f"{name}@{platform.node()}")


def definitions(project: Project | None = None) -> Catalogue:
    """Read the definitions of a project from disk, without asking a target."""
    root = (project or current()).root
    return load_catalogue(root / "pipelines", root / "pools", root / "task_scripts")


def settings_of(target: Path | None, project: Project | None = None) -> Settings:
    """Read a target's settings: an env file, a folder with one, or (None) the local stack.

    The command works with the definitions of the project, whichever those of the app are.
    """
    root = (project or current()).root
    found = Settings.from_env(environment_of(target, project), root)
    return replace(found, definitions=root, reload=found.reload and found.definitions == root)


def environment_of(target: Path | None, project: Project | None = None) -> dict[str, str]:
    """Read all values of a target's env file. Raises StackDown."""
    if target is not None and not is_stack(target):
        return read_env(_file_of(target))
    stack = LocalStack(folder_of(target, project), project)
    if not stack.running():
        raise StackDown(stack.command("up"))
    return read_env(stack.env)


def is_stack(target: Path) -> bool:
    """Return whether a path leads to a local stack, which may be down."""
    data = folder_of(target).resolve()
    return target.resolve() == data / ENV or (data / LOCK).exists()


def _file_of(target: Path) -> Path:
    return target / ".env" if target.is_dir() else target


def folder_of(target: Path | None, project: Project | None = None) -> Path:
    """Return the folder of a local stack that is a target."""
    if target is None:
        return (project or current()).data
    return target if target.is_dir() else target.parent


def addressed(
    remedy: str,
    target: Path | str | None,
    project: Project | None = None,
    *,
    direct: bool = False,
) -> str:
    """Return a remedy whose `fanfare` commands name project and target, so they can be pasted.

    A target is a path, or the URL of an app, which is empty if commands use it anyway. `direct`
    says that the command was given --direct.
    """
    if isinstance(target, str):
        named = Named(project.option if project else "", target)
    else:
        project = project or current()
        usual = target is None or folder_of(target).resolve() == project.data
        named = Named(project.option, None if usual else target, direct)
    commands, marked, words = remedy.partition(BY_HAND)
    return BETWEEN.join(named.in_(part) for part in commands.split(BETWEEN)) + marked + words


@dataclass(frozen=True)
class Named:
    """What a printed command has to name: the project as an option, and the target unless usual."""

    project: str
    target: Path | str | None
    direct: bool = False

    def in_(self, part: str) -> str:
        """Return one command with it."""
        program, _, rest = part.partition(" ")
        if program != "fanfare":
            return part
        if not self.target:
            return f"{part}{self.project}"
        if isinstance(self.target, Path) and rest.split()[0] in ("up", "down"):
            return f"{part}{self.project} --data {shlex.quote(str(folder_of(self.target)))}"
        way = " --direct" if self.direct else ""
        return f"{part}{self.project} --target {shlex.quote(str(self.target))}{way}"


def read_env(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines as azd writes them, with quotes, comments and `export`."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"The target {path} cannot be read ({error}): "
            "give an env file, such as .azure/NAME/.env.",
            Exit.UNREACHABLE,
        ) from error
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return {
        name.strip(): _unquoted(value.strip())
        for name, equals, value in pairs
        if equals and not name.startswith("#")
    }


def render_env(values: Mapping[str, str]) -> str:
    """Write settings as `read_env` reads them."""
    return "".join(f'{name}="{_quoted(value)}"\n' for name, value in values.items())


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["$\\])', r"\1", value[1:-1])
    return value
