"""The target that a project uses: the local stack, or a deployment that `fanfare use` has saved.

The choice of an environment lies in the project. That of a URL lies in the user's own folder: a
token is sent there, so no project that somebody else made may choose it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project
from pipeline.domain.texts.visible import visible

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
    """Return the target that a name means; a URL that was saved has its client id, too.

    Raises CommandError.
    """
    if is_url(name):
        known = url_of(project) if project else None
        return known if known and known.name == name else Target(name)
    return Target(name, None if name == LOCAL else resolved(name, project))


def chosen(project: Project) -> Target:
    """Return the target that was saved, or the local stack. Raises CommandError."""
    if url := url_of(project):
        return url
    name = saved(project)
    if is_url(name):
        raise CommandError(
            f"{project.root / _FILE} names the URL {visible(name.split()[0])}, and a file of a "
            "project cannot choose where your token goes: delete it, then choose with "
            "`fanfare use`.",
            Exit.USAGE,
        )
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
    """Return what the project's file says, or `local`. Raises CommandError if it is damaged."""
    return _read(project.root / _FILE) or LOCAL


def url_of(project: Project) -> Target | None:
    """Return the URL that this user has chosen for a project. Raises CommandError."""
    text = _read(file_of_url(project))
    url, _, client = text.partition(" ")
    return Target(url, None, client) if text else None


def file_of_url(project: Project, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the user's file that has the URL chosen for a project."""
    base = environ.get("XDG_CONFIG_HOME", "")
    config = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    digest = hashlib.sha256(os.fsencode(project.root.resolve())).hexdigest()[:24]
    return config / "fanfare" / "targets" / digest


def _read(file: Path) -> str:
    """Return what a file says, or "" if there is none. Raises CommandError."""
    try:
        return file.read_text("utf-8")[:_LONGEST].strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{file} cannot be read ({error}): delete it, then choose again with `fanfare use`.",
            Exit.USAGE,
        ) from error


def save(project: Project, name: str, client: str = "") -> None:
    """Save a target for the commands that name none; `local` forgets it. Raises CommandError.

    `client` is the client id for whose app registration the app at a URL takes tokens.
    """
    file, mine = project.root / _FILE, file_of_url(project)
    if is_url(name):
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text(f"{name} {client}".strip() + "\n", "utf-8")
        file.unlink(missing_ok=True)
        return
    kept = "" if name == LOCAL else _kept(project, name)
    mine.unlink(missing_ok=True)
    if kept:
        file.write_text(f"{kept}\n", "utf-8")
    else:
        file.unlink(missing_ok=True)


def _kept(project: Project, name: str) -> str:
    found = resolved(name, project)
    return name if name in environments(project) else str(found.resolve())


def _environment(project: Project, name: str) -> Path:
    return project.root / ".azure" / name / ".env"
