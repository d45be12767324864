"""What `fanfare dev` tells of files that are saved, and of runs."""

import pytest

from pipeline.cli.developing.files import Files, Kind
from pipeline.cli.developing.runs import Runs
from pipeline.cli.project import scaffold
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session
from pipeline.cli.target import definitions
from pipeline.handlers.ending import steer
from tests.fakes.node import Failure


class Saved:
    """A new project that is looked at."""

    def __init__(self, root):
        self.root, self.prepared = root, []
        scaffold.of_template("x").write(root)
        project = Project(root)
        self.files = Files(project, lambda: definitions(project), self._prepare, {})

    def _prepare(self, pools):
        self.prepared.append(sorted(pools))

    def write(self, name, old, new):
        path = self.root / name
        path.write_text(path.read_text().replace(old, new))

    def told(self):
        return [(one.kind, one.text) for one in self.files.look()]


@pytest.fixture
def saved(tmp_path):
    made = Saved(tmp_path)
    assert [one.text for one in made.files.first()] == ["shout"]
    return made


def test_nothing_is_told_while_nothing_changes(saved):
    assert saved.told() == []


def test_a_mistake_is_told_with_file_and_line_and_its_end_too(saved):
    saved.write("pipelines/shout.yaml", "lines: {}", "liens: {}")
    (first, problem) = saved.told()
    assert first == (Kind.SAVED, "pipelines/shout.yaml")
    assert problem[0] is Kind.PROBLEM
    assert problem[1].startswith("pipelines/shout.yaml:4: ")
    assert saved.told() == []
    saved.write("pipelines/shout.yaml", "liens: {}", "lines: {}")
    assert saved.told()[-1] == (Kind.READY, "shout")


def test_files_that_are_deleted_or_added_are_told(saved):
    text = (saved.root / "pipelines/shout.yaml").read_text()
    (saved.root / "pipelines/shout.yaml").unlink()
    (saved.root / "pipelines/cry.yaml").write_text(text)
    assert saved.told() == [
        (Kind.SAVED, "pipelines/cry.yaml"),
        (Kind.SAVED, "pipelines/shout.yaml (deleted)"),
        (Kind.READY, "cry"),
    ]


def test_pools_are_made_when_they_are_new_and_not_at_each_save(saved):
    saved.write("task_scripts/shout.py", "upper", "lower")
    saved.told()
    assert saved.prepared == [["cpu"]]
    pool = (saved.root / "pools/cpu.yaml").read_text()
    (saved.root / "pools/big.yaml").write_text(pool)
    saved.told()
    assert saved.prepared == [["cpu"], ["big", "cpu"]]


@pytest.fixture
def runs(cli, tmp_path):
    """Look at the runs of an app; one was over before."""
    cli.finished()
    session = Session(connect=lambda *_: cli.app.engine)
    session.project = Project(tmp_path)
    return Runs(session)


def test_runs_that_were_over_before_are_not_told(runs):
    assert list(runs.look()) == []


def test_a_run_is_told_from_its_start_to_what_to_type_next(runs, cli):
    cli.app.upload("lines/b.txt", b"one\n")
    cli.app.pump()
    began = list(runs.look())
    assert [one.kind for one in began] == [Kind.RUN]
    cli.app.settle()
    *_, last, following = runs.look()
    assert " succeeded " in last.text
    assert following.kind is Kind.NEXT and "fanfare get " in following.text
    assert list(runs.look()) == []


def test_what_several_items_printed_is_told_once(runs, cli):
    cli.app.program = lambda _item: Failure(tail="Traceback: no such column")
    cli.app.upload("lines/b.txt", b"one\ntwo\n")
    cli.app.settle()
    told = [one.text for one in runs.look() if one.kind is Kind.LOG]
    assert told == ["items 0, 1 failed: program-failed", "  Traceback: no such column"]


def test_what_tasks_print_is_told_while_they_run(runs, cli):
    cli.app.upload("lines/b.txt", b"one\n")
    cli.app.pump()
    (run,) = [run for run in cli.app.all_runs() if not run.over]
    batch = cli.app.world.batch
    job = run.names.job(0)
    batch.start_task(job, "t000000")
    files = batch.files
    files[job, "t000000", "wd/live.txt"] = b"== item 0, try 1: begins\nstep 1\nstep"
    told = [one.text for one in runs.look() if one.kind is Kind.LOG]
    assert told == ["t000000: == item 0, try 1: begins", "t000000: step 1"]
    files[job, "t000000", "wd/live.txt"] += b" 2\n"
    assert [one.text for one in runs.look()] == ["t000000: step 2"]


def test_what_a_task_printed_last_is_told_when_the_run_goes_on(runs, cli):
    cli.app.upload("lines/b.txt", b"one\n")
    cli.app.pump()
    (run,) = [run for run in cli.app.all_runs() if not run.over]
    job, live = run.names.job(0), "wd/live.txt"
    cli.app.world.batch.start_task(job, "t000000")
    cli.app.world.batch.files[job, "t000000", live] = b"step 1\n"
    list(runs.look())
    cli.app.world.batch.files[job, "t000000", live] += b"step 2\nno end of line"
    cli.app.settle()
    told = [one.text for one in runs.look() if one.kind is Kind.LOG]
    assert told == ["t000000: step 2", "t000000: no end of line"]


def test_a_run_that_is_redriven_is_told_again(runs, cli):
    cli.app.program = lambda _item: Failure(tail="no")
    cli.app.upload("lines/b.txt", b"one\n")
    cli.app.settle()
    list(runs.look())
    assert list(runs.look()) == []
    (run,) = [run for run in cli.app.all_runs() if run.failed]
    steer.redrive(cli.app.engine, run.id)
    cli.app.pump()
    assert [one.kind for one in runs.look()] == [Kind.RUN]
