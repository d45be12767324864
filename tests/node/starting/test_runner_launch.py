"""Programs are started with nothing of the runner's; a task loads only what it needs."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from task_scripts.runtime import runner_launch

RUNTIME = Path(runner_launch.__file__).parent
# What takes long to load, and only tasks with lists of files, secrets or GPUs need.
HEAVY = {
    "hashlib",
    "http.client",
    "ssl",
    "subprocess",
    "shutil",
    "threading",
    "urllib.parse",
    "email",
}


def ended(argv: list[str], cwd: Path, environ: dict[str, str]) -> tuple[int, str]:
    """Launch a program; return its exit code and what it printed."""
    output, output_end = os.pipe()
    pid = runner_launch.launch(argv, str(cwd), environ, output_end)
    os.close(output_end)
    with os.fdopen(output) as stream:
        said = stream.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


def test_a_program_has_its_folder_its_variables_and_a_session_of_its_own(tmp_path):
    script = 'echo "$A $PWD"; cat; ps -o sid= -p $$; echo $$; exit 3'
    code, said = ended(["sh", "-c", script], tmp_path, {"A": "b", "PATH": os.environ["PATH"]})
    first, session, own = said.split("\n")[:3]
    assert (code, first) == (3, f"b {tmp_path}")
    assert session.strip() == own


def test_a_program_is_looked_for_in_its_own_path_and_not_in_the_runners(tmp_path):
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    assert ended(["tool"], tmp_path, {"PATH": f"/nowhere:{tmp_path}"}) == (0, "found\n")
    with pytest.raises(FileNotFoundError):
        ended(["sh"], tmp_path, {"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("argv", "folder", "error"),
    [
        (["/nowhere/tool"], ".", FileNotFoundError),
        (["./no-program"], ".", PermissionError),
        (["/bin/true"], "gone", FileNotFoundError),
        (["/bin/true", "a\0b"], ".", ValueError),
        (["/bin/true", "x" * 3_000_000], ".", OSError),
    ],
)
def test_a_program_that_cannot_start_leaves_an_error_and_no_process(tmp_path, argv, folder, error):
    me = psutil.Process()
    (tmp_path / "no-program").touch()
    before = me.children()
    with pytest.raises(error):
        ended(argv, tmp_path / folder, {"PATH": "/bin"})
    assert me.children() == before


def test_a_program_inherits_no_file_that_the_runner_has_open(tmp_path):
    left = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(left, True)
    try:
        code, said = ended(["sh", "-c", "ls /proc/$$/fd"], tmp_path, {"PATH": "/usr/bin:/bin"})
    finally:
        os.close(left)
    assert (code, said.split()) == (0, ["0", "1", "2"])


def test_a_program_is_ended_by_a_broken_pipe_as_it_expects(tmp_path):
    # Python ignores the signal, and a program would inherit that.
    code, _ = ended(["sh", "-c", "kill -PIPE $$"], tmp_path, {"PATH": "/usr/bin:/bin"})
    assert code == -signal.SIGPIPE


def test_a_plain_task_loads_nothing_that_it_does_not_use(tmp_path):
    folders = [str(path) for path in (RUNTIME, RUNTIME / "files", RUNTIME / "secrecy")]
    look = f"import sys; sys.path += {folders}; import runner; print(*sys.modules)"
    environ = {"PYTHONDONTWRITEBYTECODE": "1"}
    code, said = ended([sys.executable, "-S", "-c", look], tmp_path, environ)
    assert code == 0
    assert not HEAVY & set(said.split())
