"""`fanfare test --stack`: golden tests through uploads, events and runs of a stack."""

import json
from dataclasses import replace

import pytest

from pipeline.cli.exits import Exit
from pipeline.errors import Transient
from tests.fakes.node import Failure

WHOLE = """
cases:
  whole:
    input: {name: a.txt, text: "one\\ntwo\\n"}
    outputs: {all.txt: {text: "0\\n1\\n"}}
"""
ITEM = """
cases:
  second:
    input: {name: a.txt, text: "one\\ntwo\\n"}
    item: 1
    outputs: {part.txt: {text: "1\\n"}}
"""
FAILS = """
cases:
  broken:
    input: {name: a.txt, text: "one\\ntwo\\n"}
    fails: {cause: program-failed}
"""


class Busy:
    """A topic that takes no event."""

    def publish(self, _event) -> None:
        raise Transient("The topic is busy.")


@pytest.fixture
def cli(cli_with):
    """Make a command line over a local stack that is up."""
    made = cli_with()
    made.app.engine = replace(made.app.engine, local=True)
    made.file("app.env")
    return made


def outcome(cli, cases: str, *more: object):
    folder = cli.folder / "pipelines" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.yaml").write_text(cases)
    return cli("test", "--stack", "--target", cli.folder / "app.env", *more)


def test_a_case_goes_from_the_upload_of_its_input_to_the_event_of_its_run(cli):
    done = outcome(cli, WHOLE, "--json")
    assert done.exit_code == 0, done.output
    (case,) = json.loads(done.stdout)["cases"]
    (run,) = cli.app.all_runs()
    assert (run.id, run.input.name) == (case["run"], "lines/a.txt")
    assert run.origin.event_id
    assert [event["id"] for event in cli.app.world.events.published] == [run.names.event(run.state)]


def test_an_item_is_judged_by_its_own_outputs(cli):
    assert outcome(cli, ITEM).exit_code == 0
    failed = outcome(cli, ITEM.replace('"1\\n"', '"7\\n"'))
    assert failed.exit_code == Exit.FAILED
    assert "-7" in failed.stdout and "+1" in failed.stdout


def test_an_expected_failure_passes_and_another_one_shows_where_to_look(cli):
    cli.app.program = lambda _: Failure()
    assert outcome(cli, FAILS).exit_code == 0
    before = {run.id for run in cli.app.all_runs()}
    shown = outcome(cli, WHOLE)
    assert shown.exit_code == Exit.FAILED
    (run,) = {run.id for run in cli.app.all_runs()} - before
    look = f"to look at it: fanfare show {run} --target {cli.folder}"
    assert look in shown.stdout.replace("\n", "")


def test_an_item_that_fails_has_its_own_cause(cli):
    cli.app.program = lambda item: Failure() if item.id == 1 else [("p", b"x")]
    case = ITEM.partition("    outputs")[0] + "    fails: {cause: program-failed}\n"
    assert outcome(cli, case).exit_code == 0


def test_update_writes_what_the_run_made(cli):
    assert outcome(cli, WHOLE.replace("0\\n1", "none"), "--update").exit_code == 0
    assert outcome(cli, (cli.folder / "pipelines/tests/job.yaml").read_text()).exit_code == 0


def test_a_case_that_does_not_end_in_time_fails(cli):
    cli.asleep = True
    done = outcome(cli, WHOLE, "--timeout", 30)
    assert done.exit_code == Exit.FAILED
    assert "it failed with no end in time" in done.stdout
    assert "Not over after 30 s" in done.stdout


def test_an_event_that_nobody_takes_fails_the_case(cli):
    cli.app.through(replace(cli.app.engine.ports, events=Busy()))
    done = outcome(cli, WHOLE, "--timeout", 30)
    assert "its event waits to be published" in done.stdout


def test_an_empty_input_is_refused_as_an_upload_is(cli):
    done = outcome(cli, WHOLE.replace('"one\\ntwo\\n"', '""'))
    assert done.exit_code == Exit.FAILED
    assert "it failed with a refusal" in done.stdout and "is empty" in done.stdout


def test_no_deployment_gets_the_runs_of_tests(cli):
    cli.app.engine = replace(cli.app.engine, local=False)
    done = outcome(cli, WHOLE)
    assert done.exit_code == Exit.USAGE
    assert "the target is a deployment" in done.stderr
    assert not cli.app.all_runs()


def test_a_limit_of_time_without_a_stack_is_refused(cli):
    done = cli("test", "--timeout", 3)
    assert done.exit_code == Exit.USAGE
    assert "add --stack" in done.stderr
