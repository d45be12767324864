"""A new project works as it is, and its making destroys nothing."""

import json
import shutil
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.commands.project.init import deployment_name
from pipeline.cli.exits import Exit
from pipeline.cli.main import app as fanfare
from pipeline.cli.project.folder import Project
from pipeline.cli.project.scaffold import TEMPLATE
from pipeline.cli.target import definitions


def init(*words: object):
    return CliRunner().invoke(fanfare, ["init", *map(str, words)])


def test_a_new_project_has_a_pipeline_that_can_be_planned(tmp_path, monkeypatch):
    root = tmp_path / "My Films"
    assert init(root).exit_code == Exit.OK
    assert set(definitions(Project(root)).pipelines) == {"shout"}
    monkeypatch.chdir(root)
    result = CliRunner().invoke(fanfare, ["plan", "shout", "samples/poem.txt", "--json"])
    assert json.loads(result.stdout)["items"] == 2


def test_the_printed_command_begins_in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = json.loads(init("my films", "--json").stdout)
    assert answer["next"].startswith("cd 'my films'; fanfare try ")
    monkeypatch.chdir(tmp_path / "my films")
    shutil.rmtree("pipelines")
    assert json.loads(init("--json").stdout)["next"].startswith("fanfare try ")


def test_a_folder_that_begins_with_a_dash_can_be_entered_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert json.loads(init("--json", "--", "-films").stdout)["next"].startswith("cd ./-films; ")


@pytest.mark.parametrize("part", ["pools", "samples", "pipelines"])
def test_a_file_in_the_place_of_a_folder_is_no_project(tmp_path, part):
    (tmp_path / part).write_text("mine")
    result = init(tmp_path)
    assert (result.exit_code, "cannot be written" in result.stderr) == (Exit.USAGE, True)
    assert (tmp_path / part).read_text() == "mine"


def test_files_that_are_there_stay_as_they_are(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    answer = json.loads(init(tmp_path, "--json").stdout)
    assert answer["kept"] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_the_folder_may_be_named_as_for_every_other_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = json.loads(init("--project", "films", "--json").stdout)
    assert answer["project"] == str(tmp_path / "films")
    assert answer["next"].startswith("cd films; ")
    assert not (tmp_path / "pipelines").exists()


def test_two_names_of_the_folder_are_refused(tmp_path):
    result = init(tmp_path / "a", "--project", tmp_path / "b")
    assert result.exit_code == Exit.USAGE
    assert "Name the folder once" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_project_is_not_made_anew(tmp_path):
    init(tmp_path)
    result = init(tmp_path)
    assert result.exit_code == Exit.USAGE
    assert "fanfare new" in result.stderr


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    result = init(tmp_path / "file" / "inside")
    assert result.exit_code == Exit.USAGE
    assert "cannot be written" in result.stderr


def test_its_pool_is_the_one_that_the_engine_ships():
    first, _, rest = (TEMPLATE / "pools/cpu.yaml").read_text().partition("\n")
    assert first.startswith("# yaml-language-server: ")
    assert rest == (APP_ROOT / "pools/cpu.yaml").read_text()


def test_editors_find_the_schemas_that_the_first_lines_name(tmp_path):
    init(tmp_path)
    for path in (tmp_path / "pipelines/shout.yaml", tmp_path / "pools/cpu.yaml"):
        _, _, schema = path.read_text().split("\n")[0].partition("$schema=")
        assert json.loads((path.parent / schema).resolve().read_text())["$schema"]
    for file in (tmp_path / ".vscode").iterdir():
        json.loads(file.read_text())


def test_git_leaves_out_what_the_stack_and_secrets_keep(tmp_path):
    init(tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name in (".fanfare/app.env", "secrets.local.yaml", ".azure/dev/.env"):
        subprocess.run(["git", "check-ignore", "--quiet", name], cwd=tmp_path, check=True)


def test_azd_deploys_what_the_package_command_makes(tmp_path):
    init(tmp_path / "My Films")
    azd = yaml.safe_load((tmp_path / "My Films/azure.yaml").read_text())
    ours = yaml.safe_load((APP_ROOT / "azure.yaml").read_text())
    assert azd["name"] == "my-films"
    assert azd["requiredVersions"] == ours["requiredVersions"]
    assert azd["services"]["app"]["remoteBuild"] is False


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Films", "my-films"),
        ("--é--", "fanfare-project"),
        ("a" * 40, "a" * 32),
        ("", "fanfare-project"),
    ],
)
def test_a_deployment_gets_a_name_that_azure_accepts(folder, name):
    assert deployment_name(folder) == name
