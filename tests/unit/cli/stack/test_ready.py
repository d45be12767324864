"""`fanfare ready`: what it says of a stack that is down, starting, or does not answer."""

import fcntl
import json

import pytest

from emulators._http import reserve
from pipeline.cli.exits import Exit
from pipeline.cli.main import app
from pipeline.cli.session import Session
from tests.commands import CliRunner


@pytest.fixture
def ready(tmp_path):
    """Ask about the stack of a folder."""
    for part in ("pipelines", "pools"):
        (tmp_path / "project" / part).mkdir(parents=True)
    where = ("--project", str(tmp_path / "project"), "--data", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return lambda *more: CliRunner().invoke(app, ["ready", *where, *more], obj=Session())


@pytest.fixture
def held(ready, tmp_path):
    """Hold the lock of the stack, as one that runs does."""
    with (tmp_path / "data/stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_stack_that_is_down_is_told_with_the_command_that_starts_it(ready, tmp_path):
    said = ready()
    assert said.exit_code == Exit.UNREACHABLE
    assert "The local stack is not up: start it with `fanfare up" in said.stderr


@pytest.mark.usefixtures("held")
def test_a_stack_that_is_starting_is_not_ready(ready):
    said = ready("--json")
    assert said.exit_code == Exit.UNREACHABLE
    assert json.loads(said.stderr)["error"] == "The local stack is starting: ask again soon."


@pytest.mark.usefixtures("held")
def test_services_that_do_not_answer_are_named(ready, tmp_path):
    with reserve(0) as nobody:  # bound, and nobody listens
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        endpoints = {name: {"endpoint": url} for name in ("eventgrid", "batch", "functions")}
        state = {"endpoints": {**endpoints, "storage": {"endpoint": url, "blob": url}}}
        (tmp_path / "data/stack.json").write_text(json.dumps(state))
        (tmp_path / "data/app.env").write_text("")
        said = ready("--env")
    assert (said.exit_code, said.stdout) == (Exit.UNREACHABLE, "")
    assert "does not answer: storage, eventgrid, batch, functions" in said.stderr
