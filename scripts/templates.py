"""Compiles, lints and compares infra/ by Bicep, where there is one: named by BICEP, or on the PATH.

`templates.py` fails on any complaint of the compiler, on a file that `bicep format` would change,
and if infra/main.json is not what the files compile to. `templates.py --write` formats the files
and writes infra/main.json.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1] / "infra"
_WORK = "work"
COMPILED = "main.json"
NO_COMPILER = "no `bicep` on the PATH or in BICEP"


def compiler(environ: Mapping[str, str]) -> str | None:
    """Return the Bicep to run, or None; ValueError if BICEP names none."""
    named = environ.get("BICEP")
    found = shutil.which(named or "bicep", path=environ.get("PATH"))
    if named and not found:
        raise ValueError(f"BICEP is {named}, which is no program: correct or unset it.")
    return found


def version_of(bicep: str) -> str:
    said = _run(bicep, "--version").stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    if not found:
        raise ValueError(f"{bicep} --version says {said!r}, and no version of Bicep.")
    return found[0]


def compiled(bicep: str, infra: Path) -> tuple[str, list[str]]:
    """Return the template that main.bicep compiles to, and what the compiler complains of."""
    done = _run(bicep, "build", "--no-restore", "--stdout", str(infra / "main.bicep"))
    complaints = [line.replace(f"{infra}/", "infra/") for line in done.stderr.splitlines() if line]
    if done.returncode and not complaints:
        complaints = [f"{bicep} build ended with exit code {done.returncode} and said nothing"]
    return (stable(done.stdout) if not done.returncode else ""), complaints


def stable(template: str) -> str:
    """Return a template with the version of its compiler once, and without digests of itself."""
    content = json.loads(template)
    version = content["metadata"]["_generator"]["version"].split("+")[0]
    content = _without_generators(content)
    content["metadata"] = {"_generator": {"name": "bicep", "version": plain(version)}}
    written = json.dumps(content, indent=2) + "\n"
    # As event-subscriptions.json spells this container: not like a path of a machine.
    return written.replace(f"/{_WORK}/", f"/{_WORK}\\/")


def plain(version: str) -> str:
    """Return the three numbers of a version that may have the build as a fourth."""
    return ".".join(version.split(".")[:3])


def compiled_by(template: str) -> str:
    """Return the version of the compiler that made a template."""
    return str(json.loads(template)["metadata"]["_generator"]["version"])


def _without_generators(value: object) -> object:
    if isinstance(value, list):
        return [_without_generators(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _without_generators(v) for k, v in value.items() if k != "_generator"}
    return {k: v for k, v in kept.items() if (k, v) != ("metadata", {})}


def formatted(bicep: str, infra: Path) -> dict[Path, str]:
    """Return how `bicep format` would write the files that it would change."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(infra, Path(folder) / "infra"))
        done = _run(bicep, "format", "--pattern", f"{copy}/**/*.bicep")
        if done.returncode:
            raise ValueError(f"{bicep} format failed: {done.stderr.strip()}")
        pairs = {
            infra / path.relative_to(copy): path.read_text("utf-8")
            for path in sorted(copy.rglob("*.bicep"))
        }
    return {path: text for path, text in pairs.items() if path.read_text("utf-8") != text}


def problems(bicep: str, infra: Path = INFRA) -> list[str]:
    """Return what is wrong with the templates; another version's output is not compared."""
    template, complaints = compiled(bicep, infra)
    found = complaints + [
        f"{path.name}: not as `bicep format` writes it" for path in formatted(bicep, infra)
    ]
    written = (infra / COMPILED).read_text("utf-8")
    if template and comparable(bicep, infra) and template != written:
        found.append("infra/main.json is not what the templates compile to: run `make render`")
    return found


def comparable(bicep: str, infra: Path = INFRA) -> bool:
    """Return whether main.json was compiled by the same version of Bicep."""
    return version_of(bicep) == compiled_by((infra / COMPILED).read_text("utf-8"))


def write(bicep: str, infra: Path = INFRA) -> None:
    """Format the files and write main.json; ValueError if they do not compile."""
    for path, text in formatted(bicep, infra).items():
        path.write_text(text, "utf-8")
    template, complaints = compiled(bicep, infra)
    if not template:
        raise ValueError("\n".join(complaints))
    (infra / COMPILED).write_text(template, "utf-8")


def _run(bicep: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([bicep, *arguments], capture_output=True, text=True, check=False)


def main(arguments: list[str]) -> str:
    """Return one line that says what was done; ValueError says what is wrong."""
    bicep = compiler(os.environ)
    if not bicep:
        left = "infra/main.json stays as it is" if arguments else "nothing is compiled"
        return f"templates: {NO_COMPILER}: {left}"
    if arguments == ["--write"]:
        write(bicep)
        return f"templates: infra/main.json is written by Bicep {version_of(bicep)}"
    if found := problems(bicep):
        raise ValueError("\n".join(found))
    if comparable(bicep):
        return f"templates: Bicep {version_of(bicep)} has no complaint, and main.json is in step"
    made = compiled_by((INFRA / COMPILED).read_text("utf-8"))
    return (
        f"templates: Bicep {version_of(bicep)} has no complaint; "
        f"main.json is by Bicep {made} and is not compared"
    )


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
