"""The applications of the account: a folder with `<id>/<version>.zip` and `<id>/default`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.document import Doc

_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
_FLATTENED = re.compile(r"[.\-#]")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Package:
    """One version of an application, and what its reference says about the version."""

    application: str
    version: str
    archive: Path
    asked: str = ""

    @property
    def name(self) -> str:
        """Return the application id, with the version if the reference names one."""
        return f"{self.application}_{self.asked}" if self.asked else self.application

    @property
    def folder(self) -> str:
        """Return its folder below the root of the node."""
        return f"applications/{self.application}/{self.version}"


class Catalogue:
    """Reads the folder anew each time, so that you may add a package while the emulator runs."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def applications(self) -> list[Doc]:
        """Return all applications, ids and versions in order."""
        if self._folder is None or not self._folder.is_dir():
            return []
        found = (self.application(one.name) for one in sorted(self._folder.iterdir()))
        return [one for one in found if one is not None]

    def application(self, name: str) -> Doc | None:
        """Return one application as clients see it."""
        home = self._home(name)
        if home is None:
            return None
        versions = sorted(one.stem for one in home.glob("*.zip") if _NAME.match(one.stem))
        return {"id": home.name, "displayName": home.name, "versions": versions}

    def find(self, reference: Doc) -> Package | None:
        """Return the package that a reference means; an id may be a resource id."""
        home = self._home(str(reference.get("applicationId") or "").rpartition("/")[2])
        if home is None:
            return None
        asked = str(reference.get("version") or "")
        version = asked or _default_of(home)
        archive = home / f"{version}.zip"
        if not _NAME.match(version) or not archive.is_file():
            return None
        return Package(home.name, version, archive, asked)

    def _home(self, name: str) -> Path | None:
        if self._folder is None or not _NAME.match(name):
            return None
        home = self._folder / name
        return home if home.is_dir() else None


def _default_of(home: Path) -> str:
    file = home / DEFAULT
    return file.read_text().strip() if file.is_file() else ""


def variables(packages: Iterable[Package], root: Path) -> dict[str, str]:
    """Return the AZ_BATCH_APP_PACKAGE_* variables; a reference without a version gives no
    suffix."""
    return {
        f"AZ_BATCH_APP_PACKAGE_{_FLATTENED.sub('_', one.name)}": str(root / one.folder)
        for one in packages
    }
