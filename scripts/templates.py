"""Compiles, lints and compares infra/ by Bicep, where there is one: named by BICEP, or on the PATH.

`templates.py` fails on any complaint of the compiler, also about the pools and subscriptions that
the templates load; on a file that `bicep format` would change; and if infra/main.json or a snapshot
is not what the files make. `templates.py --write` formats the files and writes both.

A snapshot holds the resources that one set of parameters makes, as Bicep evaluates them: each
`tests/infra/snapshots/NAME.bicepparam` has its `NAME.json`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INFRA = ROOT / "infra"
SNAPSHOTS = Path("tests") / "infra" / "snapshots"
# A snapshot is made for nobody: these ids are in it, and no subscription has them.
_NOBODY = (
    "--tenant-id", "00000000-0000-0000-0000-000000000003",
    "--subscription-id", "00000000-0000-0000-0000-000000000002",
    "--location", "westeurope",
)  # fmt: skip
# The compiler does not know what `json` returns, so it is shown the files themselves.
_LOADED = """resource account 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {{
  name: 'account'
}}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {{
  name: 'topic'
}}
{pools}{subscriptions}"""
_POOL = """
resource pool{at} 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = {{
  parent: account
  name: 'pool{at}'
  properties: loadJsonContent('pools.json')[{at}].properties
}}
"""
_SUBSCRIPTION = """
resource subscription{at} 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {{
  parent: topic
  name: 'subscription{at}'
  properties: loadJsonContent('event-subscriptions.json').eventSubscriptions[{at}].properties
}}
"""
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


def loaded(bicep: str, infra: Path) -> list[str]:
    """Return what the compiler says of the pools and subscriptions that the templates load."""
    pools = json.loads((infra / "pools.json").read_text("utf-8"))
    declared = json.loads((infra / "event-subscriptions.json").read_text("utf-8"))
    shown = _LOADED.format(
        pools="".join(_POOL.format(at=at) for at in range(len(pools))),
        subscriptions="".join(
            _SUBSCRIPTION.format(at=at) for at in range(len(declared["eventSubscriptions"]))
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pools.json", "event-subscriptions.json"):
            shutil.copy(infra / name, folder)
        path = Path(folder) / "loaded.bicep"
        path.write_text(shown, "utf-8")
        done = _run(bicep, "build", "--no-restore", "--stdout", str(path))
    lines = done.stderr.replace(f"{folder}/", "").splitlines()
    return [f"pools.json and event-subscriptions.json: {line}" for line in lines if line]


def snapshots(bicep: str, infra: Path) -> dict[str, str]:
    """Return what each set of parameters makes, by its name. ValueError if it makes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(infra, Path(folder) / "infra")
        copy = Path(shutil.copytree(ROOT / SNAPSHOTS, Path(folder) / SNAPSHOTS))
        sets = sorted(copy.glob("*.bicepparam"))
        with ThreadPoolExecutor() as pool:
            made = pool.map(partial(_snapshot, bicep), sets)
            return dict(zip((path.stem for path in sets), made, strict=True))


def _snapshot(bicep: str, parameters: Path) -> str:
    config = parameters.parents[3] / "infra" / "bicepconfig.json"
    done = _run(
        bicep, "snapshot", "--mode", "overwrite", "--config", str(config), *_NOBODY, str(parameters)
    )
    if done.returncode:
        raise ValueError(f"{parameters.name}: {(done.stderr or done.stdout).strip()}")
    made = json.loads(parameters.with_suffix(".snapshot.json").read_text("utf-8"))
    if made["diagnostics"]:
        raise ValueError(f"{parameters.name}: {json.dumps(made['diagnostics'])}")
    return _written({"resources": made["predictedResources"]})


def stable(template: str) -> str:
    """Return a template with the version of its compiler once, and without digests of itself."""
    content = json.loads(template)
    version = content["metadata"]["_generator"]["version"].split("+")[0]
    content = _without_generators(content)
    content["metadata"] = {"_generator": {"name": "bicep", "version": plain(version)}}
    return _written(content)


def _written(content: object) -> str:
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
    found = [*complaints, *loaded(bicep, infra)] + [
        f"{path.name}: not as `bicep format` writes it" for path in formatted(bicep, infra)
    ]
    if template and comparable(bicep, infra):
        found += out_of_step(bicep, infra, template)
    return found


def out_of_step(bicep: str, infra: Path, template: str) -> list[str]:
    """Return which written files are not what the templates make; `template` is compiled."""
    folder = ROOT / SNAPSHOTS
    kept = {path.stem: path.read_text("utf-8") for path in folder.glob("*.json")}
    made = snapshots(bicep, infra)
    files = [f"{SNAPSHOTS}/{n}.json" for n in made.keys() | kept if made.get(n) != kept.get(n)]
    if template != (infra / COMPILED).read_text("utf-8"):
        files.append("infra/main.json")
    return [f"{name} is not what the templates make: run `make render`" for name in sorted(files)]


def comparable(bicep: str, infra: Path = INFRA) -> bool:
    """Return whether main.json was compiled by the same version of Bicep."""
    return version_of(bicep) == compiled_by((infra / COMPILED).read_text("utf-8"))


def write(bicep: str, infra: Path = INFRA) -> None:
    """Format the files, write main.json and the snapshots; ValueError if they do not compile."""
    for path, text in formatted(bicep, infra).items():
        path.write_text(text, "utf-8")
    template, complaints = compiled(bicep, infra)
    if not template:
        raise ValueError("\n".join(complaints))
    (infra / COMPILED).write_text(template, "utf-8")
    if infra != INFRA:
        return  # the snapshots are those of the repository's templates
    made = snapshots(bicep, infra)
    for path in (ROOT / SNAPSHOTS).glob("*.json"):
        if path.stem not in made:
            path.unlink()
    for name, text in made.items():
        (ROOT / SNAPSHOTS / f"{name}.json").write_text(text, "utf-8")


def _run(bicep: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([bicep, *arguments], capture_output=True, text=True, check=False)


def main(arguments: list[str]) -> str:
    """Return one line that says what was done; ValueError says what is wrong."""
    bicep = compiler(os.environ)
    if not bicep:
        left = "main.json and snapshots stay as they are" if arguments else "nothing is compiled"
        return f"templates: {NO_COMPILER}: {left}"
    if arguments == ["--write"]:
        write(bicep)
        return f"templates: main.json and snapshots are written by Bicep {version_of(bicep)}"
    if found := problems(bicep):
        raise ValueError("\n".join(found))
    if comparable(bicep):
        said = "has no complaint; main.json and snapshots are in step"
        return f"templates: Bicep {version_of(bicep)} {said}"
    made = compiled_by((INFRA / COMPILED).read_text("utf-8"))
    return (
        f"templates: Bicep {version_of(bicep)} has no complaint; "
        f"main.json and snapshots are by Bicep {made} and not compared"
    )


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
