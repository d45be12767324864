"""Makes the requirements file of an environment: every package with its version and hashes.

`uv` chooses the versions. No code of a package is executed, and the file names no address.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.uv import uv

# Nodes run Ubuntu 24.04, whose Python is 3.12, and whose C library is 2.39.
_PYTHON, _PLATFORM = "3.12", "x86_64-manylinux_2_39"
_NODES = f"Python {_PYTHON} on Linux x86-64"
_TIMEOUT_S = 300
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==[^\s;]+( ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
_COMPILE = (
    "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url",
    "--no-emit-find-links", "--no-build", "--python-version", _PYTHON, "--no-python-downloads",
)  # fmt: skip
_UNKNOWN = re.compile(r"(\S+) was not found in the (?:package registry|provided package locations)")
_NO_WHEEL = re.compile(r"Because (\S+) has no (?:usable )?wheels")
_UNREACHED = re.compile(r"Failed to (?:fetch|download)|Request failed|error sending request")


def compiled(source: Path, current: str, preferred: str) -> str:
    """Return the requirements file of the packages that `source` names.

    Versions that the `current` file has stay while they fit; others come from the `preferred` one,
    or are the newest. Raises CommandError.
    """
    with TemporaryDirectory() as name:
        target = Path(name, source.with_suffix(".txt").name)
        # uv keeps the versions of a file that it replaces, where they fit.
        target.write_text(_joined(current, preferred), "utf-8")
        _uv(source, "--universal", "--generate-hashes", str(source), "--output-file", str(target))
        _uv(source, "--no-deps", "--python-platform", _PLATFORM, str(target))
        text = target.read_text("utf-8")
    for line in text.splitlines():
        if not (_PIN.match(line) or _HASH.match(line)):
            raise CommandError(
                f"{source.name} asks for {line.strip()[:80]!r}, which is not a version of a "
                "package: nodes take packages from an index, by name, version and hash.",
                Exit.USAGE,
            )
    return text


def of_the_engine() -> str:
    """Return the packages that the local stack has, which need not be installed for programs."""
    there = [APP_ROOT / "requirements" / name for name in ("dev.txt", "stack.txt")]
    return next((path.read_text("utf-8") for path in there if path.exists()), "")


def packages(text: str) -> list[str]:
    """Return the packages of a requirements file, as NAME==VERSION."""
    return [line.split()[0] for line in text.splitlines() if _PIN.match(line)]


def _joined(current: str, preferred: str) -> str:
    known = {pin.partition("==")[0] for pin in packages(current)}
    others = (block for block in _blocks(preferred) if block.partition("==")[0] not in known)
    return current + "".join(others)


def _blocks(text: str) -> Iterator[str]:
    """Yield each package of a requirements file with its hashes."""
    yield from re.findall(r"^[A-Za-z0-9].*\n(?:    --hash=.*\n)*", text, re.MULTILINE)


def _uv(source: Path, *arguments: str) -> None:
    command = [str(uv()), *_COMPILE, "--python", sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"The package index gave no answer within {_TIMEOUT_S} s: try again.", Exit.TIMED_OUT
        ) from error
    if done.returncode:
        raise _refusal(source, done.stderr)


def _refusal(source: Path, told: str) -> CommandError:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    causes = [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "cause: "))]
    why = (causes or lines or ["no reason given"])[-1]
    where = f"task_scripts/environments/{source.name}"
    if _UNREACHED.search(told):
        why = f"The package index cannot be reached ({why}): check the network and its proxy."
        return CommandError(why, Exit.UNREACHABLE)
    if found := _UNKNOWN.search(told):
        why = f"The package index has no package {found[1]}: correct {where}."
    elif found := _NO_WHEEL.search(told):
        package = found[1].replace("==", " ")
        why = f"{package} has no wheel for nodes ({_NODES}), and nodes build none: name a version "
        why += f"that has one in {where}, or use an image that has the package."
    else:
        why = f"{where} cannot be met: {why}"
    return CommandError(why, Exit.USAGE)
