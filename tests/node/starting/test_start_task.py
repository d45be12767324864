"""The start task of a pool, in a container: packages and the pool's script, again and again."""

import asyncio
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emulators.batch.containers.engine import find_engine
from pipeline.domain.definitions.nodes.start_task import INSTALL_S, SCRIPT_S, program_of, start_task
from tests import images
from tests.patience import stretched

PROGRAMS = Path(__file__).parent / "debian"
SCRIPT = "#!/bin/sh\necho ran >> /node/ran\n"
OTHER_USER = "1000"


@dataclass
class Debian:
    """A node in a container: what lies in `folder` outlives a start."""

    prefix: list[str]
    image: str
    folder: Path
    starts: int = field(default=0)

    def offers(self, *packages: str) -> None:
        """Let apt know packages."""
        (self.folder / "offered").write_text("".join(f"{name}\n" for name in packages))

    def breaks(self, *what: str) -> None:
        """Let calls fail: update, install, nothing (is installed), hang."""
        (self.folder / "broken").write_text("".join(f"{each}\n" for each in what))

    def start(self, *packages: str, script: str = "", user: str = "0") -> tuple[int, str, str]:
        """Start the node as Batch does; return the exit code and what it printed."""
        task = start_task(packages, "setup.sh" if script else None, script)
        return self.execute(shlex.split(str(task["commandLine"])), user)

    def execute(self, command: list[str], user: str = "0") -> tuple[int, str, str]:
        """Execute a command in a container, in the start task's folder."""
        self.starts += 1
        mounts = ["--volume", f"{self.folder}:/node", "--workdir", "/node"]
        done = subprocess.run(
            [*self.prefix, *mounts, "--user", user, self.image, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=stretched(60),
        )
        return done.returncode, done.stdout, done.stderr

    @property
    def calls(self) -> list[str]:
        """Return the calls of apt-get and dpkg."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def ran(self) -> int:
        """Return how often the script ran."""
        path = self.folder / "ran"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def debian(tmp_path: Path) -> Debian:
    images.engine()
    found = asyncio.run(find_engine("auto"))
    assert found is not None
    tmp_path.chmod(0o777)
    prefix = [found.path, "run", "--rm", *found.flags, "--network", "host"]
    made = Debian(prefix, images.debian_image(PROGRAMS), tmp_path)
    made.offers("poppler-utils", "g++", "libstdc++6")
    return made


def test_what_is_missing_is_installed_once_and_a_restart_asks_no_index(debian: Debian) -> None:
    code, out, err = debian.start("poppler-utils", "g++")
    assert (code, err) == (0, "")
    assert "fanfare: installing poppler-utils g++" in out
    installs = [call for call in debian.calls if " install " in call]
    assert [call.split(" install ")[1] for call in installs] == ["poppler-utils g++"]
    before = debian.calls
    code, out, _ = debian.start("poppler-utils", "g++")
    assert (code, out) == (0, "fanfare: there are poppler-utils g++\n")
    assert debian.calls == before


def test_a_start_that_was_interrupted_is_completed(debian: Debian) -> None:
    debian.breaks("nothing")
    code, _, err = debian.start("poppler-utils", "g++")
    assert code == 1
    assert err.endswith("fanfare: these packages are still missing: poppler-utils g++\n")
    debian.breaks()
    (debian.folder / "installed").write_text("g++\n")
    assert debian.start("poppler-utils", "g++")[0] == 0
    assert debian.calls[-1].endswith(" install poppler-utils")
    assert "dpkg --configure -a" in debian.calls


def test_a_package_that_does_not_exist_is_named_and_nothing_is_installed(debian: Debian) -> None:
    code, _, err = debian.start("poppler-utils", "libstdc.6")
    assert code == 1
    assert err == "fanfare: there is no package libstdc.6\n"
    assert not [call for call in debian.calls if " install " in call]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("update", "E: Could not get lock /var/lib/apt/lists/lock\nfanfare: the list of packages"),
        ("install", "returned an error code (1)\nfanfare: the installation ended with code 100"),
    ],
)
def test_a_failure_ends_with_the_words_of_apt_and_what_failed(
    debian: Debian, broken: str, words: str
) -> None:
    debian.breaks(broken)
    code, out, err = debian.start("poppler-utils")
    assert code == 1
    assert words in err
    assert out.splitlines()[-1] == err.splitlines()[-1]


def test_a_lock_that_the_system_holds_while_it_boots_is_waited_for(debian: Debian) -> None:
    debian.breaks("update")
    debian.start("poppler-utils")
    assert len([call for call in debian.calls if call.endswith(" update")]) == 3


def test_the_script_runs_at_each_start_after_the_packages(debian: Debian) -> None:
    script = f"{SCRIPT}echo hello; grep -q poppler /node/installed"
    code, out, err = debian.start("poppler-utils", script=script)
    assert (code, err) == (0, "")
    assert "fanfare: running setup.sh\nhello\nfanfare: setup.sh has ended well\n" in out
    assert debian.start("poppler-utils", script=script)[0] == 0
    assert debian.ran == 2


def test_no_character_of_a_script_is_taken_for_code_of_the_engine(debian: Debian) -> None:
    strange = "#!/bin/sh\ncat <<'X'\n' \" $(id) `id` $HOME \\ % {} ü\nX\n"
    code, out, _ = debian.start(script=strange)
    assert code == 0
    assert "' \" $(id) `id` $HOME \\ % {} ü\n" in out


def test_a_script_that_fails_ends_with_its_own_words_and_its_code(debian: Debian) -> None:
    code, _, err = debian.start(script="#!/bin/sh\necho no licence >&2; exit 7\n")
    assert code == 1
    assert err == "no licence\nfanfare: the script setup.sh ended with code 7\n"


@pytest.mark.parametrize(
    ("hang", "limit", "what"),
    [
        (lambda node: None, SCRIPT_S, "the script setup.sh did not end within 1 s"),
        (lambda node: node.breaks("hang"), INSTALL_S, "the list of packages cannot be read"),
    ],
)
def test_what_hangs_is_ended_and_said(
    debian: Debian, hang: Callable[[Debian], None], limit: int, what: str
) -> None:
    hang(debian)
    program = program_of(["poppler-utils"], "setup.sh", "#!/bin/sh\nsleep 100\n")
    assert f" {limit} " in program
    shortened = program.replace(f" {limit} ", " 1 ")
    code, _, err = debian.execute(["sh", "-c", shortened])
    assert code == 1
    assert err.endswith(f"fanfare: {what}\n")


def test_preparations_which_are_another_user_get_room_for_their_environments(
    debian: Debian,
) -> None:
    debian.start("poppler-utils")
    assert (debian.folder / "claimed").stat().st_mode & 0o7777 == 0o1777


def test_without_rights_nothing_is_tried(debian: Debian) -> None:
    code, _, err = debian.start("poppler-utils", user=OTHER_USER)
    assert (code, err) == (1, "fanfare: the start task has to run as root\n")
    assert debian.calls == []
