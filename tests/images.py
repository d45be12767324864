"""Container images that tests make of what this machine has; no registry is asked."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts.images.workloads import Image
from scripts.images.workloads import build as build_debian
from tests.needs import missing

BUSYBOX = Path("/bin/busybox")
SHELL_IMAGE = "localhost/fanfare-shell:1"
PYTHON_IMAGE = "localhost/fanfare-python:1"
CARD_IMAGE = "localhost/fanfare-card:1"
_BASE = Image("localhost/fanfare-stack-base:1", ("python3-venv", "libstdc++6"))
_SMI = """#!/bin/sh
[ "$NVIDIA_VISIBLE_DEVICES" = all ] || exit 9
[ "$NVIDIA_DRIVER_CAPABILITIES" = compute,utility,video,graphics ] || exit 9
echo '0, GPU-0000, 580.95.05, Tesla T4'
echo '1, GPU-1111, 580.95.05, Tesla T4'
"""
_ROOTS_TOOLS = ("base64", "chmod", "mktemp", "rm", "tail", "touch", "grep")
_TOOLS = ("sh", "cat", "cp", "echo", "env", "head", "id", "ls", "mkdir", "sleep", "tr", "wc")
_LIBRARY = re.compile(r"(/\S+) \(0x")


def engine() -> str:
    """Return the program of a container engine that works here, or skip the test."""
    return here() or missing("Podman or Docker", "podman runc")


def here() -> str:
    """Return the program of a container engine that works here, or an empty text."""
    names = (name for name in ("podman", "docker") if shutil.which(name) and _answers(name))
    return next(names, "")


def _answers(name: str) -> bool:
    return subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0


def there(program: str, name: str) -> bool:
    """Return whether the engine has an image of this name."""
    asked = [program, "image", "inspect", name]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def shell_image() -> str:
    """Make an image with a shell and a few tools, and return its name."""
    if not BUSYBOX.exists():
        missing("a static busybox", "busybox-static")
    links = {f"bin/{tool}": "/bin/busybox" for tool in _TOOLS}
    return _image(SHELL_IMAGE, {"bin/busybox": BUSYBOX}, links)


def debian_image(programs: Path) -> str:
    """Make an image with Debian's shell, and programs in the place of others; return its name."""
    shell, timeout = shutil.which("dash"), shutil.which("timeout")
    if not BUSYBOX.exists() or shell is None or timeout is None:
        missing("dash, timeout and a static busybox", "dash coreutils busybox-static")
    real = {"bin/sh": Path(shell), "bin/timeout": Path(timeout), "bin/busybox": BUSYBOX}
    files = real | {f"bin/{path.name}": path for path in sorted(programs.iterdir())}
    content = b"".join(path.read_bytes() for path in files.values())
    libraries = {found for path in (shell, timeout) for found in _libraries(Path(path))}
    files |= {str(path)[1:]: path for path in libraries}
    links = {f"bin/{tool}": "/bin/busybox" for tool in (*_TOOLS, *_ROOTS_TOOLS)}
    name = f"localhost/fanfare-debian:{hashlib.sha256(content).hexdigest()[:12]}"
    return _image(name, files, {path: to for path, to in links.items() if path not in files})


def python_image() -> str:
    """Make an image of this interpreter, with a shell, and return its name."""
    return _python(PYTHON_IMAGE, {})


def card_image() -> str:
    """Make the same image with a stand-in for nvidia-smi, and return its name.

    It shows two devices, but only to tasks that ask for them as NVIDIA's runtime wants it.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "nvidia-smi"
        program.write_text(_SMI)
        program.chmod(0o755)
        return _python(CARD_IMAGE, {"usr/bin/nvidia-smi": program})


def _python(name: str, more_files: dict[str, Path]) -> str:
    if not BUSYBOX.exists():
        missing("a static busybox", "busybox-static")
    base = Path(sys.base_prefix)
    python = Path(os.path.realpath(sys.executable))
    library = base / f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
    shared = [*_libraries(python), *library.glob("lib-dynload/*.so")]
    more = [found for path in shared for found in _libraries(path)]
    files = {str(path)[1:]: path for path in {*shared, *more} if path.is_file()}
    files |= {str(path)[1:]: path for path in _modules(library)}
    files |= {str(python)[1:]: python, "bin/busybox": BUSYBOX}
    links = {"bin/sh": "/bin/busybox", "usr/local/bin/python3": str(python)}
    links = {target: source for target, source in links.items() if target not in files}
    return _image(name, files | more_files, links)


def _libraries(program: Path) -> list[Path]:
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return [Path(found) for found in _LIBRARY.findall(told)]


def _modules(library: Path) -> Iterable[Path]:
    left_out = {"site-packages", "test", "idlelib", "tkinter", "ensurepip", "__pycache__"}
    for folder, folders, names in library.walk():
        folders[:] = [name for name in folders if name not in left_out]
        yield from (folder / name for name in names if name.endswith((".py", ".so")))


def _image(name: str, files: dict[str, Path], links: dict[str, str]) -> str:
    program = engine()
    if there(program, name):
        return name
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(_folder("tmp", 0o1777))
        for target, source in files.items():
            tar.add(os.path.realpath(source), target)
        for target, source in links.items():
            link = tarfile.TarInfo(target)
            link.type, link.linkname = tarfile.SYMTYPE, source
            tar.addfile(link)
    subprocess.run(
        [program, "import", "-", name], input=archive.getvalue(), capture_output=True, check=True
    )
    return name


def _folder(name: str, mode: int) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    return folder


def debian(engine: str) -> str:
    """Return the image upon which tests build: Debian with Python; make it if it is missing."""
    if not there(engine, _BASE.name):
        if shutil.which("mmdebstrap") is None:
            missing("mmdebstrap", "mmdebstrap")
        build_debian(_BASE, engine)
    return _BASE.name
