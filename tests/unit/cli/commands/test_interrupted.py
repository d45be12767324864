"""A target that fails while runs go on: the command says which runs, and never that they failed."""

import json

import pytest

from pipeline.cli.doors.direct import DirectDoor
from pipeline.cli.exits import Exit
from pipeline.errors import Conflict, NotFound, Permanent, Transient

BY_REQUEST = """
trigger: {http: true}
split: {lines: {}}
task: {program: work.py, arguments: ["{input}", "{line}", "{output}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""


class Shaky(DirectDoor):
    """A door of which verbs fail, each after some good calls."""

    def shake(self, verb: str, error: Exception, good: int = 0) -> "Shaky":
        verbs, left = getattr(super(), verb), [None] * good

        def shaken(*given, **more):
            if not left:
                raise error
            left.pop()
            return verbs(*given, **more)

        object.__setattr__(self, verb, shaken)
        return self


def through(cli, verb, error, good=0):
    """Have the commands of `cli` work through a door of which a verb fails."""
    door = Shaky(cli.app.engine, lambda: cli.app.engine).shake(verb, error, good)
    make = cli.session

    def session():
        made = make()
        made.door = door
        return made

    cli.session = session
    return cli


@pytest.mark.parametrize(
    "error", [Permanent("GET: 500"), NotFound("gone"), Conflict("changed"), Transient("silent")]
)
def test_what_fails_while_a_run_is_followed_is_never_told_as_its_failure(cli, error):
    result = through(cli, "standing", error, good=1)("run", "job", cli.file())
    run = cli.app.only_run().id
    assert result.exit_code == Exit.UNREACHABLE
    assert f"{error}" in result.stderr and f"`fanfare watch {run}`" in result.stderr
    told = json.loads(cli("watch", run, "--json").stderr)
    assert told["code"] == Exit.UNREACHABLE and run in told["error"]


def test_runs_that_started_before_one_that_could_not_are_named(cli_with, tmp_path):
    cli = through(cli_with(BY_REQUEST), "start", Permanent("no room"), good=2)
    files = [cli.file(f"{n}.txt", b"one\n") for n in range(3)]
    result = cli("run", "job", *files, "--no-wait", "--json")
    runs = {run.id for run in cli.app.all_runs()}
    told = json.loads(result.stderr)["error"]
    assert len(runs) == 2 and all(run in told for run in runs)
    assert "no room" in told and "`fanfare watch " in told


def test_an_output_that_cannot_be_fetched_leaves_the_run_and_the_way_to_it(cli, tmp_path):
    cli = through(cli, "outputs", Transient("Storage is silent"))
    result = cli("run", "job", cli.file(), "--get", tmp_path / "out")
    run = cli.app.only_run().id
    assert result.exit_code == Exit.UNREACHABLE
    assert run in result.stdout and f"`fanfare get {run}`" in result.stderr


def test_files_that_cannot_be_seen_are_not_told_as_none(cli):
    run = cli.finished()
    assert [file["name"] for file in cli.json("show", run)["files"]] == ["all.txt"]
    cli.app.world.blobs.delete(cli.app.only_run().names.manifest)
    assert cli.json("show", run)["files"] is None
