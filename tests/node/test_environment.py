"""The preparation of a node: it chooses the interpreter, and builds an environment once."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from importlib import metadata
from pathlib import Path

import pytest

from task_scripts.runtime.environment import (
    Unprepared,
    choose,
    installed,
    pins,
    room,
    shared_environment,
)
from tests.node.conftest import SCRIPTS

LOCKED = """# made by a tool
numpy==2.5.5 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via something
pillow==12.0.0 --hash=sha256:22
"""


def fake_build(folder: Path, requirements: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text(requirements.read_text())


def test_pins_are_read_from_a_locked_file() -> None:
    text = LOCKED.replace(" --hash=sha256:22", " \\\n --hash=sha256:22")
    assert pins(text) == {"numpy": "2.5.5", "pillow": "12.0.0"}


def test_a_package_of_another_system_is_left_out() -> None:
    here, other = f"sys_platform == '{sys.platform}'", "sys_platform == 'win32'"
    text = f"a==1 ; {here} \\\n    --hash=sha256:00\nb==2 ; {other}\nc==3 ; sys_platform != 'win32'"
    assert pins(text) == {"a": "1", "c": "3"}


@pytest.mark.parametrize("name", sorted(SCRIPTS.glob("environments/*.txt")), ids=lambda p: p.stem)
def test_shipped_environments_are_pins_alone(name: Path) -> None:
    assert pins(name.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "a==1 ; python_full_version < '3.13'",
        "a==1 ; sys_platform == 'linux' and os_name == 'posix'",
        "-e .", "a>=1", "a[x]==1",
    ],
)  # fmt: skip
def test_a_line_that_is_more_than_a_pin_is_not_guessed_at(line: str) -> None:
    assert pins(line) is None


def test_installed_means_at_that_very_version() -> None:
    version = metadata.version("pytest")
    assert installed({"pytest": version})
    assert not installed({"pytest": version + ".1"})
    assert not installed({"no-such-package": "1"})


def test_an_interpreter_that_has_everything_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(f"pytest=={metadata.version('pytest')}\n")
    assert choose(tmp_path, "r.txt", tmp_path, fake_build) == Path(sys.executable)
    assert choose(tmp_path, None, tmp_path, fake_build) == Path(sys.executable)


def test_another_environment_is_made_once_for_all_who_ask_at_once(tmp_path: Path) -> None:
    requirements = tmp_path / "r.txt"
    requirements.write_text("a==1\n")
    built: list[Path] = []

    def build(folder: Path, wanted: Path) -> None:
        built.append(folder)
        fake_build(folder, wanted)

    def prepare() -> None:
        shared_environment(tmp_path / "shared", requirements, build)

    threads = [threading.Thread(target=prepare) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    python = choose(tmp_path, "r.txt", tmp_path / "other", fake_build)
    assert python.read_text() == "a==1\n"
    assert len(built) == 1


def test_a_build_that_dies_half_way_is_cleared_and_done_again(tmp_path: Path) -> None:
    requirements = tmp_path / "r.txt"
    requirements.write_text("a==1\n")

    def broken(folder: Path, wanted: Path) -> None:
        fake_build(folder, wanted)
        raise Unprepared("no room")

    with pytest.raises(Unprepared, match="no room"):
        shared_environment(tmp_path / "shared", requirements, broken)
    final = shared_environment(tmp_path / "shared", requirements, fake_build)
    assert (final / "bin" / "python").exists()
    assert len([path for path in (tmp_path / "shared").iterdir() if path.is_dir()]) == 2


def prepare(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    shutil.copy(SCRIPTS / "runtime/environment.py", folder)
    command = [sys.executable, "-S", "-E", str(folder / "environment.py"), *arguments]
    environ = {"AZ_BATCH_NODE_SHARED_DIR": str(folder / "shared")}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_the_choice_is_left_beside_the_program(tmp_path: Path) -> None:
    done = prepare(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "environment.json").read_text()) == {"python": sys.executable}


def test_a_missing_requirements_file_is_one_clear_line(tmp_path: Path) -> None:
    done = prepare(tmp_path, "gone.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("The environment was not prepared: ")
    assert "gone.txt" in done.stderr
    assert done.stderr.count("\n") == 1


def test_environments_lie_where_only_the_user_of_preparations_writes(tmp_path: Path) -> None:
    startup = tmp_path / "startup"
    (startup / "wd").mkdir(parents=True)
    for folder in (startup, startup / "wd"):
        folder.chmod(0o770)
    found = room(str(startup), tmp_path / "shared")
    assert found == startup / "wd/environments"
    modes = [folder.stat().st_mode & 0o777 for folder in (startup, startup / "wd")]
    assert modes == [0o750, 0o750]
    assert not found.stat().st_mode & 0o022


@pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to be another user")
def test_where_the_start_task_is_roots_the_first_preparation_claims_a_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        startup = Path(name, "startup")
        (startup / "wd/claimed").mkdir(parents=True)
        (startup / "wd/claimed").chmod(0o1777)
        Path(name).chmod(0o755)
        found = _room_of(startup, 1_900_000_001)
        assert found == startup / "wd/claimed/preparations/environments"
        assert found.stat().st_uid == 1_900_000_001
        assert found.parent.stat().st_mode & 0o777 == 0o755
        assert _room_of(startup, 1_900_000_002) == Path(name, "shared/environments")


def _room_of(startup: Path, user: int) -> Path:
    """Ask as another user where environments lie."""
    folders = f"{str(startup)!r}, Path({str(startup.parent / 'shared')!r})"
    code = f"from pathlib import Path; from environment import room; print(room({folders}))"
    shutil.copy(SCRIPTS / "runtime/environment.py", startup.parent)
    command = ["/usr/bin/python3", "-B", "-c", code]
    done = subprocess.run(
        command, cwd=startup.parent, env={}, capture_output=True, text=True, user=user, check=True
    )
    return Path(done.stdout.strip())


def test_without_a_start_task_environments_lie_in_the_shared_folder(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    assert room("", shared) == shared / "environments"
    assert room(str(tmp_path / "nothing"), shared) == shared / "environments"


def test_a_link_in_the_place_of_the_folder_of_environments_is_not_followed(tmp_path: Path) -> None:
    below, planted = tmp_path / "startup/wd", tmp_path / "planted"
    below.mkdir(parents=True)
    planted.mkdir()
    (below / "environments").symlink_to(planted)
    assert room(str(tmp_path / "startup"), tmp_path / "shared") == tmp_path / "shared/environments"


@pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to be another user")
@pytest.mark.parametrize("foreign", ["startup", "startup/wd", "startup/wd/environments"])
def test_a_folder_of_another_user_keeps_no_environments(tmp_path: Path, foreign: str) -> None:
    (tmp_path / "startup/wd/environments").mkdir(parents=True)
    os.chown(tmp_path / foreign, 1_900_000_001, -1)
    assert room(str(tmp_path / "startup"), tmp_path / "shared") == tmp_path / "shared/environments"


@pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to be another user")
@pytest.mark.parametrize(("mode", "keeps"), [(0o755, True), (0o775, False), (0o757, False)])
def test_a_folder_of_root_above_is_as_good_if_nobody_else_writes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, keeps: bool
) -> None:
    startup, user = tmp_path / "startup", 1_900_000_001
    (startup / "wd/environments").mkdir(parents=True)
    startup.chmod(mode)
    for folder in (startup / "wd", startup / "wd/environments"):
        os.chown(folder, user, -1)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = room(str(startup), tmp_path / "shared")
    assert (found == startup / "wd/environments") is keeps
