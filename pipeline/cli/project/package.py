"""Makes what is deployed of a project: the function app as a folder and a zip, and the templates.

The app has all its dependencies for Linux x86-64, so Azure builds nothing. The same project and
engine make the same zip.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.archives import archive_of, wanted_of
from pipeline.cli.project.folder import Project
from pipeline.cli.project.locks import alone
from pipeline.cli.project.parameters import deployed
from pipeline.cli.project.uv import uv
from pipeline.domain.catalogue.archives import archive_name
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.catalogue.file_digests import sha256_of
from pipeline.domain.catalogue.stamp import DEFINITIONS, files_of
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.pools.resource import pool_resources

# Azure Functions looks for an app's packages here.
PACKAGES = ".python_packages/lib/site-packages"
_ENGINE = ("function_app.py", "host.json", "requirements.txt", "pipeline", "task_scripts/runtime")
_NOT_IN_AZURE = frozenset({"cli"})
_TESTS = ("pipelines", "tests")  # golden tests, which run where the project is written
_PLATFORM = ("--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.13")
_INSTALL = ("pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:")
_LAST_WORDS = 500
_OLDEST = (1980, 1, 1, 0, 0, 0)

type Busy = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Package:
    """Where the parts of a deployment are."""

    app: Path
    zip: Path
    templates: Path
    parameters: list[str]  # that the project has of its own
    digest: str
    size: int


def package(project: Project, catalogue: Catalogue, busy: Busy) -> Package:
    """Make app, zip and templates below the project's folder of data. Raises CommandError."""
    out = project.data / "azure"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with alone(out / ".making"):  # two at once would mix their files
            return _made(project, catalogue, out, busy)
    except OSError as error:
        raise CommandError(
            f"The package cannot be written to {out} ({error.strerror or error}): "
            "make room or correct the permissions, then try again."
        ) from error


def _made(project: Project, catalogue: Catalogue, out: Path, busy: Busy) -> Package:
    app, parameters = out / "app", deployed(project)
    with busy("Installing the app's packages"):
        installed = _packages(out)
    with busy("Packing wheels for nodes"):
        archives = list(_archives(project, catalogue, out))
    with busy("Writing the package"):
        _fill(app, project, installed, archives)
        _templates(out / "infra", catalogue.pools, parameters.text)
        digest = _zipped(app, out / "app.zip")
    size = (out / "app.zip").stat().st_size
    return Package(app, out / "app.zip", out / "infra", parameters.own, digest, size)


def _packages(out: Path) -> Path:
    """Install the pinned packages for Linux x86-64, unless that was done for the same pins."""
    pins = APP_ROOT / "requirements.txt"
    folder = out / "packages" / _digest(pins.read_bytes())
    if folder.exists():
        return folder
    shutil.rmtree(folder.parent, ignore_errors=True)
    fresh = folder.with_name("fresh")
    where = ["--target", str(fresh), "-r", str(pins), "--python", sys.executable]
    command = [str(uv()), *_INSTALL, *_PLATFORM, *where]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise CommandError(
            f"The app's packages cannot be installed: {done.stderr.strip()[-_LAST_WORDS:]}",
            Exit.UNREACHABLE,
        )
    fresh.rename(folder)
    return folder


def _archives(project: Project, catalogue: Catalogue, out: Path) -> Iterator[Path]:
    """Make the archives of each environment, unless they were made of the same requirements."""
    for requirements, architecture in wanted_of(project.environments, catalogue.environments):
        folder = out / "archives" / _digest(requirements.read_bytes())
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder / archive_name(requirements.stem, architecture)
        told = archive.with_name(f"{archive.name}.sha256")
        if not told.exists():
            archive_of(requirements, folder, architecture)
        yield from (archive, told)


def _fill(app: Path, project: Project, packages: Path, archives: list[Path]) -> None:
    shutil.rmtree(app, ignore_errors=True)
    for root, names in ((APP_ROOT, _ENGINE), (project.root, DEFINITIONS)):
        for path in files_of(root, names):
            if _belongs(root, path.relative_to(root).parts):
                _copy(path, app / path.relative_to(root))
    for path in archives:
        _copy(path, app / "task_scripts" / "environments" / path.name)
    shutil.copytree(packages, app / PACKAGES, copy_function=_link)


def _belongs(root: Path, parts: tuple[str, ...]) -> bool:
    """Return whether a file of the engine or the project is a part of the app."""
    engines = root == APP_ROOT and _NOT_IN_AZURE & set(parts)
    return not engines and parts[:2] != _TESTS


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _link(source: str, target: str) -> None:
    """Link a file, which costs no room; nobody writes to an app."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy(source, target)


def _templates(folder: Path, pools: Mapping[str, Pool], parameters: str) -> None:
    """Copy the engine's templates, with the pools and parameters of the project.

    What they compile to has other pools, and their lint rules must not stop a deployment.
    """
    shutil.rmtree(folder, ignore_errors=True)
    own = shutil.ignore_patterns("main.json", "bicepconfig.json", "environments.json")
    shutil.copytree(APP_ROOT / "infra", folder, ignore=own)
    (folder / "pools.json").write_text(json.dumps(pool_resources(pools), indent=2) + "\n", "utf-8")
    (folder / "main.parameters.json").write_text(parameters, "utf-8")


def _zipped(app: Path, archive: Path) -> str:
    """Pack a folder so that the same files make the same bytes; return the SHA-256."""
    fresh = archive.with_suffix(".new")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as packing:
        for path in sorted(one for one in app.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(app).as_posix(), _OLDEST)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            packing.writestr(entry, path.read_bytes())
    fresh.replace(archive)
    return sha256_of(archive)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
