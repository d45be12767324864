"""What a program on a node finds: the system's programs and a bare Python, as in Azure."""

import sys
from pathlib import Path

import pytest
from azure.batch.models import BatchTask

from tests.emulators.batch.running import Emulator, shell

MODULE = "aiohttp"  # the emulator itself needs it, so its own Python has it


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("image", slots=4)
    return emulator.add_job("image", "image")


def printed(emulator: Emulator, job: str, name: str, command: str) -> str:
    task = emulator.run(job, name, command)
    assert task.execution_info.exit_code == 0, emulator.file(job, name, "stderr.txt")
    return emulator.file(job, name, "stdout.txt").strip()


def test_the_python_of_nodes_lacks_the_packages_of_the_emulators_own(
    emulator: Emulator, job: str
) -> None:
    __import__(MODULE)
    task = emulator.run(job, "import", f"python3 -c 'import {MODULE}'")
    assert task.execution_info.exit_code == 1
    assert f"No module named '{MODULE}'" in emulator.file(job, "import", "stderr.txt")


def test_the_python_of_nodes_can_make_environments(emulator: Emulator, job: str) -> None:
    script = "import json, sys, venv; print(sys.version_info[:2] >= (3, 10), sys.prefix)"
    assert printed(emulator, job, "venv", f'python3 -c "{script}"') == (
        f"True {emulator.data.absolute() / 'image'}"
    )
    assert (
        printed(
            emulator, job, "make", shell("python3 -m venv --without-pip v && v/bin/python -c 1")
        )
        == ""
    )


def test_images_have_no_program_called_python(emulator: Emulator, job: str) -> None:
    found = printed(emulator, job, "python", shell("ls $(dirname $(command -v python3))"))
    assert set(found.split()) == {"python3", f"python3.{sys.version_info.minor}"}


def test_the_path_of_the_developer_stays_out_of_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine" / "own-program"
    mine.parent.mkdir()
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("PATH", str(mine.parent), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(mine.parent))
    monkeypatch.setenv("VIRTUAL_ENV", str(mine.parent))
    emulator = Emulator(tmp_path / "data")
    try:
        emulator.add_pool("p")
        job = emulator.add_job("j", "p")
        seen = printed(emulator, job, "env", "env")
        task = emulator.run(job, "own", "own-program --flag")
    finally:
        emulator.stop()
    assert str(mine.parent) not in seen
    assert "PYTHON" not in seen
    assert says(task) == f"this machine has it as {mine}, nodes do not"


def says(task: BatchTask) -> str:
    info = task.execution_info.failure_info
    assert info.code == "CommandProgramNotFound"
    return str(info.details[0].value).split("; ")[1]
