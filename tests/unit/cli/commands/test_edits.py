"""A file that was edited since the app started is noticed, whatever a command is about."""

from dataclasses import replace

import pytest

from pipeline.errors import Transient
from pipeline.handlers.running import versions
from pipeline.ports.tables import Replace, Row
from tests.fakes.definitions import written
from tests.unit.cli.conftest import LINES

SCRIPT, DEFINITION = "task_scripts/work.py", "pipelines/job.yaml"


@pytest.fixture
def deployed(cli):
    versions.note(cli.app.engine)
    return cli


def edit_script(cli):
    scripts = {**cli.app.engine.scripts, "work.py": b"# edited\n"}
    cli.app.engine = replace(cli.app.engine, scripts=scripts)


def edit_definition(cli):
    text = LINES + "tolerance: {failed_items: 1}\n"
    cli.app.engine = replace(cli.app.engine, catalogue=written((("job", text),)).catalogue)


EDITS = [(edit_script, SCRIPT), (edit_definition, DEFINITION)]


@pytest.mark.parametrize(("edit", "file"), EDITS)
def test_a_run_of_an_edited_file_is_refused_before_it_begins(deployed, edit, file):
    edit(deployed)
    result = deployed("run", "job", deployed.file())
    assert result.exit_code == 2
    assert f"another version of {file} than this folder" in result.stderr
    assert "Deploy the edit: `azd up`." in result.stderr
    assert deployed.app.all_runs() == []


@pytest.mark.parametrize(("edit", "file"), EDITS)
def test_what_the_app_has_can_be_run_all_the_same(deployed, edit, file):
    edit(deployed)
    result = deployed("run", "job", deployed.file(), "--as-deployed")
    assert result.exit_code == 0
    assert file not in result.stderr


def test_an_app_that_has_just_started_with_the_edit_is_waited_for(deployed):
    edit_script(deployed)
    sleep = deployed._sleep

    def start(seconds):
        versions.note(deployed.app.engine)
        sleep(seconds)

    deployed._sleep = start
    assert deployed("run", "job", deployed.file()).exit_code == 0


@pytest.mark.parametrize(("edit", "file"), EDITS)
def test_a_plan_says_that_the_app_would_run_something_else(deployed, edit, file):
    assert deployed.json("plan", "job", deployed.file())["edited"] == []
    edit(deployed)
    assert deployed.json("plan", "job", deployed.file())["edited"] == [file]
    assert file in deployed("plan", "job", deployed.file()).stderr


@pytest.mark.parametrize(("edit", "file"), EDITS)
def test_show_says_that_the_run_used_something_else(deployed, edit, file):
    run = deployed.finished()
    assert deployed.json("show", run)["edited"] == []
    edit(deployed)
    assert deployed.json("show", run)["edited"] == [file]
    assert f"another version of {file}" in deployed("show", run).stderr


def test_without_a_note_of_the_app_nothing_is_refused(cli):
    edit_script(cli)
    assert cli("run", "job", cli.file()).exit_code == 0


def test_a_damaged_note_is_no_note(deployed):
    tables = deployed.app.world.tables
    row = tables.get("runs", "job", "!deployed")
    damaged = Row("job", "!deployed", {"files_json": "{"}, row.etag)
    tables.transact("runs", "job", [Replace(damaged)])
    edit_script(deployed)
    assert deployed("run", "job", deployed.file()).exit_code == 0


def test_a_service_that_does_not_answer_stops_no_app(cli, caplog, monkeypatch):
    def fails(*_):
        raise Transient("no answer")

    monkeypatch.setattr(cli.app.world.tables, "get", fails)
    versions.note(cli.app.engine)
    assert "Versions not noted" in caplog.text


@pytest.mark.parametrize(("edit", "file"), EDITS)
def test_an_app_that_follows_the_folder_will_run_the_edit(deployed, edit, file):
    edit(deployed)
    deployed.app.engine = replace(deployed.app.engine, reloads=True)
    result = deployed("run", "job", deployed.file())
    assert result.exit_code == 0, result.output
    assert file not in result.stderr
