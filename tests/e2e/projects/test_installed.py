"""The engine as a stranger has it: installed from its wheel, with a project and a package."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from tests.e2e.local import ROOT
from tests.patience import stretched

UV = Path(sys.executable).with_name("uv")
NODE_MODULES = "emulators/storage/node_modules"


@dataclass(frozen=True)
class Installed:
    """The command of an installed engine, in one folder."""

    program: Path
    folder: Path

    def __call__(self, *words: object, code: Exit = Exit.OK) -> str:
        done = run(self.folder, self.program, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == Exit.OK else done.stderr

    def json(self, *words: object):
        return json.loads(self(*words, "--json"))


def run(cwd: Path, *command: object, **more: str) -> subprocess.CompletedProcess[str]:
    # Nothing of the checkout may help.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env={**kept, **more}, capture_output=True, text=True,
        timeout=stretched(100), check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """Install the wheel as `uv tool install` does."""
    folder = tmp_path_factory.mktemp("installed")
    built = run(
        ROOT, UV, "build", "--quiet", "--python", sys.executable, "--wheel", "--out-dir", folder
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    where = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    python = Path(sys.base_prefix, "bin", "python3")
    done = run(folder, UV, "tool", "install", "--quiet", "--python", python, wheel, **where)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("tools/*/lib/python3*/site-packages")
    (packages / NODE_MODULES).symlink_to(ROOT / NODE_MODULES)  # what `up` would fetch
    project = folder / "my films"
    project.mkdir()
    return Installed(folder / "bin" / "fanfare", project)


def test_a_stranger_gets_an_answer_from_what_would_be_deployed(installed):
    assert "fanfare init" in installed("ls", code=Exit.USAGE)
    installed("init")
    made = installed.json("package")
    with zipfile.ZipFile(made["zip"]) as packed:
        names = packed.namelist()
    assert {"function_app.py", "host.json", "pipelines/shout.yaml"} <= set(names)
    assert ".python_packages/lib/site-packages/azure/batch/__init__.py" in names
    left = ("pipeline/cli/", "emulators/", "pipelines/tests/")
    assert not [one for one in names if one.startswith(left)]
    installed("up", "--app", made["zip"])
    try:
        answer = installed.json("run", "shout", "samples/poem.txt")
        assert answer["state"] == "succeeded"
        (file,) = installed.json("show", "latest")["files"]
        assert file["size"] == len("ROSES ARE RED\nVIOLETS ARE BLUE\n")
        environment = (installed.folder / ".fanfare/app.env").read_text()
        assert ".fanfare/app/" in environment  # the app ran the definitions of its package
        program = installed.folder / "task_scripts/shout.py"
        program.write_text(f"{program.read_text()}# edited\n")
        said = installed("run", "shout", "samples/poem.txt", code=Exit.USAGE)
        assert "task_scripts/shout.py" in said and "`fanfare up`" in said
        # A later `up` runs the folder again, and works on the same data.
        installed("up")
        assert [one["id"] for one in installed.json("ls")["runs"]] == [answer["id"]]
        installed("run", "shout", "samples/poem.txt", "--name", "shout/again.txt")
    finally:
        installed("down")


def test_a_stranger_tries_and_tests_without_a_stack(installed):
    installed("init", "small")
    small = Installed(installed.program, installed.folder / "small")
    assert small.json("test")["passed"] == 1
    told = small.json("try", "shout", "samples/poem.txt", "--item", "1")
    assert [file["text"] for file in told["outputs"]] == ["VIOLETS ARE BLUE"]


def test_the_same_project_makes_the_same_package(installed):
    installed("init", "twin")
    twin = Installed(installed.program, installed.folder / "twin")
    first, second = twin.json("package"), twin.json("package")
    assert first == second
    definition = twin.folder / "pipelines/shout.yaml"
    definition.write_text(f"{definition.read_text()}# edited\n")
    assert twin.json("package")["sha256"] != first["sha256"]
