"""`fanfare show` names what the tasks of a run ran on."""

from tests.fakes.node import FakeNode
from tests.unit.cli.conftest import LINES

ASKING = LINES.replace("pool: cpu", "pool: cards").replace("work.py", "work.py, gpu: 1")
HOSTILE = {"device": "cuda:0", "name": "T4\x1b[2J", "driver": "580"}


def test_a_run_says_what_it_ran_on_and_no_name_controls_the_terminal(cli_with):
    cli = cli_with(ASKING)
    app = cli.app
    app.execute = FakeNode(app.world.blobs, app.world.clock, app.program, device=HOSTILE)
    run = cli.finished()
    shown = cli("show", run).stdout
    assert "ran on" in shown and "T4\\x1b[2J (driver 580) ×3" in shown
    assert cli.json("show", run)["devices"] == [{**HOSTILE, "tasks": 3}]


def test_a_run_without_such_tasks_says_nothing_of_it(cli):
    assert "ran on" not in cli("show", cli.finished()).stdout
