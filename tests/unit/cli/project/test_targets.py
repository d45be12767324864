"""A project remembers what its commands work on; a command that names a target goes first."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli.exits import Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project import scaffold, targets
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    scaffold.of_template("x").write(tmp_path)
    for name in ("dev", "prod"):
        (tmp_path / ".azure" / name).mkdir(parents=True)
        (tmp_path / ".azure" / name / ".env").write_text("")
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def use(*words):
    return json.loads(CliRunner().invoke(fanfare, ["use", *words, "--json"]).stdout)


def aimed(project, named=None):
    session = Session()
    session.project = project
    session.aim(named)
    return session.target


def test_without_a_choice_it_is_the_local_stack(project):
    assert use() == {"target": "local", "targets": ["local", "dev", "prod"]}
    assert aimed(project) is None


def test_a_choice_counts_until_another_one(project):
    assert use("dev")["target"] == "dev"
    assert aimed(project) == project.root / ".azure/dev/.env"
    use("local")
    assert aimed(project) is None


def test_a_named_target_goes_before_the_choice(project):
    use("dev")
    assert aimed(project, "prod") == project.root / ".azure/prod/.env"
    assert aimed(project, "local") is None
    assert aimed(project, str(project.root)) == project.root


def test_a_path_is_kept_whole_so_that_it_counts_in_every_folder(project, monkeypatch):
    (project.root / "other.env").write_text("")
    use("other.env")
    monkeypatch.chdir("pools")
    assert aimed(project) == project.root / "other.env"


@pytest.mark.parametrize("name", ["absent", "../dev", "", "a\nb"])
def test_a_target_that_does_not_exist_is_refused_with_those_that_do(project, name):
    result = CliRunner().invoke(fanfare, ["use", name or "none"])
    assert result.exit_code == Exit.UNREACHABLE
    assert "dev, prod" in result.stderr
    assert targets.saved(project) == "local"


def test_a_choice_that_has_gone_is_an_error_and_not_the_local_stack(project):
    use("dev")
    (project.root / ".azure/dev/.env").unlink()
    result = CliRunner().invoke(fanfare, ["ls"])
    assert result.exit_code == Exit.UNREACHABLE
    assert ".azure/dev/.env cannot be read" in result.stderr
    assert use("local")["target"] == "local"


def test_what_commands_work_on_is_said_where_it_does_not_mix_with_the_answer(project):
    use("dev")
    result = CliRunner().invoke(fanfare, ["ls"])
    assert "target: dev" in result.stderr
    assert "target: dev" not in result.stdout


@pytest.mark.parametrize("damaged", ["folder", "bytes"])
def test_a_choice_that_cannot_be_read_is_never_taken_for_the_local_stack(project, damaged):
    file = project.root / ".fanfare-target"
    file.mkdir() if damaged == "folder" else file.write_bytes(b"\xff\x00")
    result = CliRunner().invoke(fanfare, ["ls"])
    assert result.exit_code == Exit.USAGE
    assert f"{file} cannot be read" in result.stderr and "delete it" in result.stderr
