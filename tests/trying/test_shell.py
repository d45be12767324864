"""`fanfare try --shell`: a shell in place of the program, with all that the program would get."""

import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from pipeline.cli.trying.shell import Shell
from tests.dispositions import HEARING
from tests.e2e.test_cli import MAIN
from tests.patience import until

WORDS = "to be or not to be\n"


@pytest.fixture
def shell(project):
    """Return a function that runs commands in the shell of word-count's first item."""
    file = project.file(WORDS, "words.txt")

    def run(commands):
        return subprocess.run(
            [sys.executable, "-c", MAIN, "try", "word-count", str(file), "--shell"],
            input=commands,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_shell_has_the_command_the_variables_and_the_output_folder(shell):
    done = shell('sh -c "$FANFARE_COMMAND"; echo item $FANFARE_ITEM of $FANFARE_INPUT_NAME\n')
    assert done.returncode == 0, done.stderr
    assert "item 0 of texts/words.txt" in done.stdout
    assert '{"words": 6}' in done.stdout
    assert "The program would start here as: " in done.stderr


def test_what_is_put_into_the_output_folder_by_hand_counts(shell):
    done = shell('echo by hand >"$FANFARE_OUTPUT/mine.txt"\n')
    assert "mine.txt" in done.stdout
    assert "by hand" in done.stdout


def test_a_shell_ends_although_nobody_waits_for_it_any_more(tmp_path):
    place, killed = Shell.at(tmp_path), Event()

    def work():
        (place.where / "ready").touch()
        return killed.wait(10)

    with place.around(work) as doing:
        killed.set()
    assert doing.result() is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_command_ends_the_program_and_leaves_nothing(project, tmp_path, number):
    waits = "import os, pathlib, time\npathlib.Path(PLACE).write_text(str(os.getpid()))\n"
    place = tmp_path / "pid"
    project.pipeline("waits", waits_py=waits.replace("PLACE", repr(str(place))) + "time.sleep(60)")
    command = [sys.executable, "-c", MAIN, "try", "waits", "--project", str(project.root)]
    doing = subprocess.Popen([*HEARING, *command, str(project.file())], stderr=subprocess.PIPE)
    until(lambda: place.exists() and place.read_text(), 20, "the start of the program")
    doing.send_signal(number)
    doing.communicate(timeout=20)
    assert doing.returncode == 128 + number
    until(lambda: not Path(f"/proc/{place.read_text()}").exists(), 10, "the end of the program")
    assert not list(tmp_path.glob("fanfare-try-*"))
