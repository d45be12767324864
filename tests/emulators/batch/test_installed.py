"""The emulator as a stranger has it: installed from its own wheel, without the checkout."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulators._keys import VARIABLE
from emulators.batch.command_line import COMMAND
from tests.patience import stretched

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
README = (ROOT / "emulators/batch/README.md").read_text("utf-8")
PICTURE = (ROOT / "emulators/batch/terminal.svg").read_text("utf-8")
DATED = {"SOURCE_DATE_EPOCH": "1577836800"}
WHERE = "import emulators.batch, sys; print(emulators.batch.__file__, *sys.path, sep='\\n')"


@dataclass(frozen=True)
class Installed:
    """An environment with the emulator and the SDK, and an empty folder to work in."""

    wheel: Path
    programs: Path
    folder: Path


def environment() -> dict[str, str]:
    """Return the variables of this process that do not lead to the checkout."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    kept.pop(VARIABLE, None)
    return kept


def run(cwd: Path, *command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=environment() | DATED, capture_output=True, text=True,
        timeout=stretched(100), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path) -> Path:
    run(
        ROOT,
        UV,
        "build",
        "--quiet",
        "--python",
        sys.executable,
        "--wheel",
        "-o",
        folder,
        "emulators",
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel and the SDK into an empty environment."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = built(folder / "dist")
    run(folder, UV, "venv", "--quiet", "--python", Path(sys.base_prefix, "bin/python3"), "env")
    pins = ("--constraints", ROOT / "requirements.txt")
    into = ("--python", folder / "env")
    run(folder, UV, "pip", "install", "--quiet", *into, *pins, wheel, "azure-batch")
    work = folder / "work"
    work.mkdir()
    return Installed(wheel, folder / "env/bin", work)


@contextmanager
def serving(installed: Installed) -> Iterator[str]:
    """Run the command on a free port until the end of the block; give its endpoint."""
    process = subprocess.Popen(
        [installed.programs / COMMAND, "--port", "0"],
        cwd=installed.folder, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["endpoint"]
    finally:
        process.terminate()
        code = process.wait(stretched(60))
        process.stdout.close()
    assert code == 0


def test_a_stranger_runs_the_readmes_first_task(installed: Installed) -> None:
    program = installed.folder / "hello.py"
    code = README.partition("```python\n")[2].partition("```")[0]
    with serving(installed) as endpoint:
        program.write_text(code.replace("http://127.0.0.1:8484", endpoint))
        said = run(installed.folder, installed.programs / "python", "-I", program)
    assert said.startswith("hello from tvmps_")


def test_nothing_of_the_checkout_is_on_the_path(installed: Installed) -> None:
    places = run(installed.folder, installed.programs / "python", "-c", WHERE).splitlines()
    assert places[0].startswith(str(installed.programs.parent))
    assert not [place for place in places if place.startswith(f"{ROOT}{os.sep}")]
    assert str(ROOT) not in places


def test_the_command_calls_itself_by_its_name(installed: Installed) -> None:
    shown = run(installed.folder, installed.programs / COMMAND, "--help")
    assert shown.startswith(f"usage: {COMMAND} [options]")


def test_the_same_sources_make_the_same_wheel(installed: Installed, tmp_path: Path) -> None:
    wheels = (installed.wheel, built(tmp_path))
    first, second = (hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels)
    assert first == second


def test_the_picture_shows_the_commands_of_the_page() -> None:
    assert "batch-emulator --port 8484" in README
    for shown in ("$ batch-emulator --port 8484", "$ python hello.py", "hello from tvmps_"):
        assert shown in PICTURE
