"""The child process ends, with all that it started, when its time is over or nobody waits."""

from pathlib import Path
from threading import Thread

import pytest

from pipeline.adapters.az import Az
from pipeline.domain.preflight.findings import Reply
from tests.patience import until

# As the real one: a script around another process, which holds the same pipe.
AROUND = """#!/bin/sh
sleep 600 &
echo $! > "$0.new" && mv "$0.new" "$0.child"
wait
"""


@pytest.fixture
def hanging(tmp_path):
    program = tmp_path / "az"
    program.write_text(AROUND, "utf-8")
    program.chmod(0o755)
    return program


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"  # nobody of this test has to reap it


def child_of(program: Path) -> int:
    file = program.with_name("az.child")
    until(file.exists, what="the script has started its child")
    return int(file.read_text("utf-8"))


def test_a_time_limit_ends_the_process_and_its_child(hanging):
    reply = Az(str(hanging)).ask(("version",), 2)
    assert "did not answer within 2 s" in reply.trouble
    pid = child_of(hanging)
    until(lambda: gone(pid), what="the child has ended")


def test_stop_ends_what_runs_and_lets_nothing_start(hanging):
    az, replies = Az(str(hanging)), []
    asking = Thread(target=lambda: replies.append(az.ask(("version",), 600)))
    asking.start()
    pid = child_of(hanging)
    az.stop()
    asking.join()
    assert replies[0].trouble
    until(lambda: gone(pid), what="the child has ended")
    assert "interrupted" in az.ask(("version",), 600).trouble


def test_an_error_is_one_line_without_control_characters(tmp_path):
    program = tmp_path / "az"
    program.write_text(
        "#!/bin/sh\nprintf 'WARNING: old\\nERROR: a\\033[2Jb  c\\nmore' >&2\nexit 3\n"
    )
    program.chmod(0o755)
    assert Az(str(program)).ask((), 60) == Reply(trouble="a\\x1b[2Jb c")


def test_a_program_that_cannot_start_is_an_answer_too(tmp_path):
    assert "does not start" in Az(str(tmp_path / "none")).ask((), 60).trouble
