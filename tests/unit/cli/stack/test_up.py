"""`fanfare up` and what else starts the local stack."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.cli.commands.up_down import bring_up
from pipeline.cli.exits import CommandError
from pipeline.cli.project.folder import Project
from pipeline.cli.project.locks import alone
from pipeline.cli.session import Session
from pipeline.cli.stack.config import Wishes
from pipeline.cli.stack.process import LocalStack


class Turn(CommandError):
    """What the definitions of these tests raise: the command came to its turn."""


def its_turn(_project):
    raise Turn("now")


@pytest.fixture
def stack(tmp_path):
    for part in ("pipelines", "pools"):
        (tmp_path / part).mkdir()
    return LocalStack(tmp_path / ".fanfare", Project(tmp_path))


def start(stack):
    bring_up(Session(catalogue=its_turn, folder=stack.data.parent), stack, Wishes())


def test_of_two_commands_that_start_a_stack_one_waits(stack):
    stack.data.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with alone(stack.data / "start.lock"):
            second = pool.submit(start, stack)
            with pytest.raises(TimeoutError):
                second.result(0.1)
        with pytest.raises(Turn):
            second.result(10)


def test_a_file_in_the_place_of_the_data_is_one_clear_line(stack):
    stack.data.write_text("mine")
    with pytest.raises(CommandError, match=r"cannot keep its data in .*: name another folder"):
        start(stack)
