"""The target that a project uses: the local stack, or a deployment that `fanfare use` has saved."""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project

LOCAL = "local"
_FILE = ".fanfare-target"  # git leaves it out: each person chooses
_LONGEST = 4096
_URL = ("http://", "https://")


@dataclass(frozen=True)
class Target:
    """What commands work on: a name, its env file or folder, and the client id for its tokens.

    The local stack and the URL of an app have no path.
    """

    name: str
    path: Path | None = None
    client: str = ""


def named(name: str, project: Project | None) -> Target:
    """Return the target that a name means. Raises CommandError."""
    return Target(name, None if name == LOCAL or is_url(name) else resolved(name, project))


def chosen(project: Project) -> Target:
    """Return the target that was saved, or the local stack. Raises CommandError."""
    name = saved(project)
    if is_url(name):
        url, _, client = name.partition(" ")
        return Target(url, None, client)
    return Target(name, None if name == LOCAL else path_of(name, project))


def is_url(name: str) -> bool:
    """Return whether a target is named by the URL of its app."""
    return name.startswith(_URL)


def resolved(name: str, project: Project | None) -> Path:
    """Return the env file, or folder of a stack, that a name means: a path, or what azd knows.

    Raises CommandError.
    """
    path = Path(name)
    if path.exists():
        return path
    if project and name in environments(project):
        return _environment(project, name)
    known = ", ".join(environments(project) if project else []) or "none yet"
    raise CommandError(
        f"There is no target {name}: name an env file, or an environment of azd (here: {known}).",
        Exit.UNREACHABLE,
    )


def path_of(saved: str, project: Project) -> Path:
    """Return the path of a saved target, which may have gone since."""
    return Path(saved) if Path(saved).is_absolute() else _environment(project, saved)


def environments(project: Project) -> list[str]:
    """Name the environments that azd keeps in the project."""
    return sorted(path.parent.name for path in (project.root / ".azure").glob("*/.env"))


def default_environment(project: Project) -> str:
    """Name the environment that azd works on by default, or `local` if it has none."""
    try:
        config = json.loads((project.root / ".azure" / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return LOCAL
    named = config.get("defaultEnvironment") if isinstance(config, dict) else None
    return str(named) if named in environments(project) else LOCAL


def saved(project: Project) -> str:
    """Return the target that was saved, or `local`. Raises CommandError if it cannot be read."""
    file = project.root / _FILE
    try:
        text = file.read_text("utf-8")[:_LONGEST].strip()
    except FileNotFoundError:
        return LOCAL
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{file} cannot be read ({error}): delete it, then choose again with `fanfare use`.",
            Exit.USAGE,
        ) from error
    return text or LOCAL


def save(project: Project, name: str, client: str = "") -> None:
    """Save a target for the commands that name none; `local` forgets it. Raises CommandError.

    `client` is the client id for whose app registration the app at a URL takes tokens.
    """
    file = project.root / _FILE
    if name == LOCAL:
        file.unlink(missing_ok=True)
        return
    file.write_text(f"{_kept(project, name, client)}\n", "utf-8")


def _kept(project: Project, name: str, client: str) -> str:
    if is_url(name):
        return f"{name} {client}".strip()
    found = resolved(name, project)
    return name if name in environments(project) else str(found.resolve())


def _environment(project: Project, name: str) -> Path:
    return project.root / ".azure" / name / ".env"
