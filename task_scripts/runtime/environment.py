"""Prepares the Python environment of a pipeline, once per node, before the first task runs there.

`environment.py [REQUIREMENTS]`; the requirements file is in the same folder. If the interpreter
has every pinned package already, it is used as it is. Otherwise a virtual environment is made on
the node, under the digest of the requirements. It lies in the folder of the pool's start task,
which has the same user as preparations, so that tasks can only read it; without a start task it
lies in the shared folder. Its packages come from this machine if `machine.json` beside the
interpreter says that it has them (the local stack), else from `environment.zip` in the same folder
if that exists (closed networks), else from the package index. The chosen interpreter is written to
`environment.json`. Standard library only, Python 3.10 or newer.
"""

import sys

if not __package__:  # a program called json.py must not replace the library's
    sys.path.append(sys.path.pop(0))

import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

# Most jobs need no package, and each of their nodes waits for this program: what only the others
# need is imported where they need it.
if TYPE_CHECKING:
    import zipfile
    from importlib import metadata

_CLAIMED = "claimed"
_PROGRAM = ".program.zip"
_RUNNER = "runner.json"  # the texts of the runner's modules, by name
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*([^\s;\\]+)\s*(;[^\\]*)?\\?$")
_SYSTEM = re.compile(r"^; *sys_platform *(==|!=) *['\"]([a-z0-9]+)['\"] *$")

Build = Callable[[Path, Path], None]


class Unprepared(Exception):
    """The environment cannot be made; the message says why in one line."""


def pins(requirements: str) -> dict[str, str] | None:
    """Read the pinned versions for this system; return None if a line needs more than a version."""
    found: dict[str, str] = {}
    for line in requirements.splitlines():
        if not line.strip() or line.strip().startswith(("#", "--hash=")):
            continue
        match = _PIN.match(line.strip())
        if match is None:
            return None
        if match[3]:
            # A lock for all systems has such lines, as colorama's of pytest.
            condition = _SYSTEM.match(match[3])
            if condition is None:
                return None
            if (condition[2] == sys.platform) is not (condition[1] == "=="):
                continue
        found[match[1]] = match[2]
    return found


def installed(wanted: Mapping[str, str]) -> bool:
    """Return whether the running interpreter has every package in its pinned version."""
    from importlib import metadata  # noqa: PLC0415 - see above

    try:
        return all(metadata.version(name) == version for name, version in wanted.items())
    except metadata.PackageNotFoundError:
        return False


def lent(wanted: Mapping[str, str], prefix: Path) -> "list[metadata.Distribution] | None":
    """Find the packages, in these versions, in the folders of `machine.json`; None without one."""
    from importlib import metadata  # noqa: PLC0415 - see above

    try:
        machine = json.loads((prefix / "machine.json").read_bytes())
        folders = [str(folder) for folder in machine["packages"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = [next(iter(metadata.distributions(name=name, path=folders)), None) for name in wanted]
    right = [
        one for one, version in zip(found, wanted.values(), strict=True)
        if one is not None and one.version == version
    ]  # fmt: skip
    return right if len(right) == len(wanted) else None


def borrow(packages: "Sequence[metadata.Distribution]", folder: Path, _: Path) -> None:
    """Make a virtual environment of packages that this machine has. Raises Unprepared."""
    import shutil  # noqa: PLC0415 - see above

    _run("make a virtual environment", "-m", "venv", "--without-pip", str(folder))
    target = next(folder.glob("lib/python3*/site-packages"))
    for package in packages:
        for file in package.files or ():
            if ".." in file.parts:  # programs, which belong to the other environment
                continue
            source, link = Path(str(package.locate_file(file))), target / file
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, link)  # stays when the other environment is made anew
            except OSError:
                shutil.copy2(source, link)


def shared_environment(root: Path, requirements: Path, build: Build) -> Path:
    """Find or build the environment of these requirements; only one builder works on a node.

    An environment contains its own path, so it is built in its final folder. The renaming of a
    symbolic link then gives the finished folder its final name.
    """
    import shutil  # noqa: PLC0415 - see above

    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    final = root / digest
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{digest}.lock"):
        if not final.exists():
            for leftover in root.glob(f"{digest}-*"):  # from a builder that was killed
                shutil.rmtree(leftover, ignore_errors=True)
            folder = root / f"{digest}-{os.urandom(4).hex()}"
            build(folder, requirements)
            link = root / f"{folder.name}.link"
            link.symlink_to(folder.name)
            link.replace(final)
    return final


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def build_environment(folder: Path, requirements: Path) -> None:
    """Make a virtual environment and install the pinned packages by digest. Raises Unprepared."""
    archive = requirements.with_name("environment.zip")
    if archive.exists():
        # Without pip: marketplace images have no pip, and a virtual environment cannot get it.
        _run("make a virtual environment", "-m", "venv", "--without-pip", str(folder))
        with _opened(archive) as packed:
            packed.extractall(folder / "wheels")
        unpack_wheels(folder, requirements)
        return
    _run("make a virtual environment (is python3-venv installed?)", "-m", "venv", str(folder))
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--require-hashes"]
    install = ["-m", "pip", "install", *options, "-r", str(requirements)]
    _run(f"install {requirements.name}", *install, python=str(folder / "bin" / "python"))


def unpack_wheels(folder: Path, requirements: Path) -> None:
    """Install an environment's own wheels. Raises Unprepared for a wheel that is not pinned."""
    pinned = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirements.read_text("utf-8")))
    target = next(folder.glob("lib/python3*/site-packages"))
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in pinned:
            raise Unprepared(f"{requirements.name} does not pin {wheel.name}")
        with _opened(wheel) as packed:
            for member in packed.infolist():
                written = Path(packed.extract(member, target))  # keeps names inside the target
                if member.external_attr >> 16 & 0o111:
                    written.chmod(0o755)


@contextlib.contextmanager
def _opened(archive: Path) -> "Iterator[zipfile.ZipFile]":
    """Open an archive during a with block. Raises Unprepared if it is damaged."""
    import zipfile  # noqa: PLC0415 - see above

    try:
        with zipfile.ZipFile(archive) as packed:
            yield packed
    except zipfile.BadZipFile as error:
        raise Unprepared(f"{archive.name} is damaged: {error}") from None


def _run(purpose: str, *arguments: str, python: str = sys.executable) -> None:
    import subprocess  # noqa: PLC0415 - see above

    done = subprocess.run([python, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)  # all of it goes into the preparation task's stdout.txt
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")]
        why = (errors or lines or ["no output"])[-1].strip()
        raise Unprepared(f"Could not {purpose}: {why[:500]}")


def room(startup: str, shared: Path) -> Path:
    """Return the folder of environments: where only this user can write, or else the shared one."""
    if not startup:
        return shared / "environments"
    above, below = Path(startup), Path(startup, "wd")
    with contextlib.suppress(OSError):
        closed = _keeps_out_others(above) or _is_closed_by_root(above)
        if closed and _is_closed_by_root(below) and (below / _CLAIMED).is_dir():
            # The start task is root's: it left a folder in which every user may make a folder.
            below = below / _CLAIMED / "preparations"
            with contextlib.suppress(FileExistsError):
                below.mkdir()
        if closed and _keeps_out_others(below):
            made = below / "environments"
            made.mkdir(exist_ok=True)
            if _keeps_out_others(made):
                return made
    return shared / "environments"


def _keeps_out_others(folder: Path) -> bool:
    """Take from others the right to write into a folder; tell whether it is this user's."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return False
    folder.chmod(stat.S_IMODE(status.st_mode) & ~0o022)
    return True


def _is_closed_by_root(folder: Path) -> bool:
    """Tell whether a folder belongs to root, and nobody else may write into it."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and not status.st_uid and not status.st_mode & 0o022


def choose(folder: Path, name: str | None, root: Path, build: Build = build_environment) -> Path:
    """Choose the interpreter for a requirements file, or for none; `root` keeps environments."""
    running = Path(sys.executable)
    if name is None:
        return running
    requirements = folder / name
    wanted = pins(requirements.read_text(encoding="utf-8"))
    if wanted is not None and installed(wanted):
        return running
    packages = lent(wanted, Path(sys.prefix)) if wanted is not None else None
    if packages is not None:
        build = partial(borrow, packages)
    return shared_environment(root, requirements, build) / "bin" / "python"


def unpack_runner(folder: Path, root: Path) -> None:
    """Write the runner's modules, and what Python compiles of them; `root` keeps that for a node.

    So no task compiles them, and of the jobs of a node only the first.
    """
    try:
        content = (folder / _RUNNER).read_bytes()
    except FileNotFoundError:  # an older release sent each module as a file
        return
    names = []
    for name, text in json.loads(content).items():
        (folder / Path(name).name).write_text(text, encoding="utf-8")
        names.append(Path(name).stem)
    version = hashlib.sha256(sys.version.encode() + content).hexdigest()
    with contextlib.suppress(OSError):  # then each task compiles what it needs
        _compile(folder, names, root / f"runner-{version}")


def _compile(folder: Path, names: Sequence[str], kept: Path) -> None:
    """Fill `__pycache__` from what was kept; compile and keep it if there is none."""
    compiled = folder / "__pycache__"
    compiled.mkdir(exist_ok=True)
    if kept.is_dir():
        for made in kept.iterdir():
            (compiled / made.name).write_bytes(made.read_bytes())
        return
    import py_compile  # noqa: PLC0415 - see above

    unfinished = kept.with_name(f"{kept.name}-{os.urandom(4).hex()}")
    unfinished.mkdir(parents=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH  # each job's file has another time
    for name in names:
        file = f"{name}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(
            str(folder / f"{name}.py"), str(unfinished / file), invalidation_mode=mode
        )
        (compiled / file).write_bytes((unfinished / file).read_bytes())
    try:
        unfinished.rename(kept)
    except OSError:  # another job was faster
        for made in unfinished.iterdir():
            made.unlink()
        unfinished.rmdir()


def unpack_programs(folder: Path) -> None:
    """Unpack the programs that are folders, each beside its archive."""
    for archive in sorted(folder.glob(f"*{_PROGRAM}")):
        target = folder / archive.name[: -len(_PROGRAM)]
        with _opened(archive) as packed:
            packed.extractall(target)
            for entry in packed.infolist():
                (target / entry.filename).chmod(entry.external_attr >> 16 & 0o777)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Prepare the environment and write its interpreter's path to environment.json."""
    folder = Path(__file__).resolve().parent
    shared = Path(environ.get("AZ_BATCH_NODE_SHARED_DIR", folder))
    os.umask(0o022)  # tasks have other users, which read what is made here
    try:
        root = room(environ.get("AZ_BATCH_NODE_STARTUP_DIR", ""), shared)
        unpack_runner(folder, root)
        unpack_programs(folder)
        python = choose(folder, argv[0] if argv else None, root)
        unfinished = folder / f"environment-{os.urandom(4).hex()}.tmp"
        unfinished.write_text(json.dumps({"python": str(python)}), encoding="utf-8")
        unfinished.replace(folder / "environment.json")
    except (Unprepared, OSError, ValueError) as error:
        sys.stderr.write(f"The environment was not prepared: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
