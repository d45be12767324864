"""The project is the nearest folder with definitions, or the one that is named."""

import pytest
from typer.testing import CliRunner

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project import folder as folders
from pipeline.cli.project.folder import Project, around, chosen
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.target import addressed


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    """Make a project with a space in its name, and be in it."""
    root = tmp_path / "my films"
    for part in ("pipelines", "pools", "task_scripts/deep"):
        (root / part).mkdir(parents=True)
    monkeypatch.chdir(root)
    return Project(root)


def test_it_is_found_from_any_folder_in_it(project, monkeypatch):
    monkeypatch.chdir("task_scripts/deep")
    assert around(project.root / "task_scripts" / "deep") == chosen(None) == project


def test_another_folder_belongs_to_the_checkout_of_the_engine(tmp_path):
    assert around(tmp_path) == Project(APP_ROOT)


def test_an_installed_engine_is_no_project(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "APP_ROOT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="fanfare init"):
        chosen(None)


def test_a_folder_without_definitions_is_refused_when_it_is_named(tmp_path):
    result = CliRunner().invoke(fanfare, ["ls", "--project", str(tmp_path)])
    assert result.exit_code == Exit.USAGE
    assert f"fanfare init {tmp_path}" in result.stderr


def test_a_printed_command_works_where_it_is_pasted(project, tmp_path, monkeypatch):
    assert LocalStack(project=project).command("up") == "fanfare up"
    assert addressed("fanfare logs a-1", None, project) == "fanfare logs a-1"
    monkeypatch.chdir(tmp_path)
    named = f"--project '{project.root}'"
    assert LocalStack(project=project).command("up") == f"fanfare up {named}"
    assert addressed("fanfare logs a-1", None, project) == f"fanfare logs a-1 {named}"


def test_a_stack_that_never_ran_is_started_by_what_is_printed(project):
    result = CliRunner().invoke(fanfare, ["ls"])
    assert result.exit_code == Exit.UNREACHABLE
    assert "start it with `fanfare up`, or" in result.stderr


def test_definitions_of_the_project_are_those_that_are_planned(project):
    pool = "vm: {sku: Standard_D2s_v5, image: ubuntu}"
    (project.root / "pools/cpu.yaml").write_text(pool)
    result = CliRunner().invoke(fanfare, ["plan", "word-count"])
    assert result.exit_code == Exit.USAGE
    assert "pools/cpu.yaml" in result.stderr
