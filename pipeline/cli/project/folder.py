"""Finds the project: the folder of definitions that belong together.

It is the nearest folder, from the current one upwards, that has `pipelines/` and `pools/`, as Git
finds a repository. The engine's own checkout is the project of a folder that is in none.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.settings import SECRETS_FILE

_PARTS = ("pipelines", "pools")


@dataclass(frozen=True)
class Project:
    """A project by its root folder."""

    root: Path

    @property
    def data(self) -> Path:
        """The folder of its local stack."""
        return self.root / ".fanfare"

    @property
    def secrets(self) -> Path:
        """The file with the secrets of its local stack."""
        return self.root / SECRETS_FILE

    @property
    def environments(self) -> Path:
        """The folder with the requirements of its programs."""
        return self.root / "task_scripts" / "environments"

    @property
    def option(self) -> str:
        """What a printed command needs so that it means this project where it is pasted."""
        here = around(Path.cwd())
        return "" if here == self else f" --project {shlex.quote(str(self.root))}"


def chosen(folder: Path | None) -> Project:
    """Return the project that is named, or that of the current folder. Raises CommandError."""
    if folder is None:
        return current()
    root = folder.resolve()
    if not is_project(root):
        raise CommandError(
            f"{folder} is no project, which has the folders {' and '.join(_PARTS)}: "
            f"`fanfare init {shlex.quote(str(folder))}` makes one.",
            Exit.USAGE,
        )
    return Project(root)


def current() -> Project:
    """Return the project of the current folder. Raises CommandError if it is in none."""
    found = around(Path.cwd())
    if found is None:
        raise CommandError(
            "There is no project here: a project has the folders "
            f"{' and '.join(_PARTS)}. Make one with `fanfare init`, or name one with --project.",
            Exit.USAGE,
        )
    return found


def around(folder: Path) -> Project | None:
    """Return the project that a folder belongs to."""
    start = folder.resolve()
    roots = [one for one in (start, *start.parents, APP_ROOT) if is_project(one)]
    return Project(roots[0]) if roots else None


def is_project(folder: Path) -> bool:
    """Return whether a folder is the root of a project."""
    return all((folder / part).is_dir() for part in _PARTS)
