"""`fanfare test --stack`: golden tests on a stack of their own, and on one that is up."""

import json

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.project import scaffold
from tests.e2e.test_cli import Fanfare

CASES = "pipelines/tests/shout.yaml"
ITEM = """
  second-line:
    input: {name: poem.txt, text: "roses are red\\nviolets are blue\\n"}
    item: 1
    outputs: {line.txt: {text: "VIOLETS ARE BLUE\\n"}}
"""


@pytest.fixture
def project(tmp_path):
    """Make a new project, with a case of one item beside the one it has."""
    scaffold.of_template("project").write(tmp_path)
    with (tmp_path / CASES).open("a") as file:
        file.write(ITEM)
    command = Fanfare(tmp_path / ".fanfare", cwd=tmp_path)
    yield command
    command("down", "--force")


def test_tests_start_a_stack_and_end_it_and_what_failed_can_be_looked_at(project):
    passed = project.plainly("test", "--stack", "--json")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert json.loads(passed.stdout)["passed"] == 2
    own = Fanfare(project.data / "test", cwd=project.cwd)
    assert not project.json("down")["stopped"] and not own.json("down")["stopped"]
    cases = project.cwd / CASES
    cases.write_text(cases.read_text().replace("ARE RED", "ARE GREEN"))
    project.json("up")  # the tests use it, and leave it as it was
    failed = project.plainly("test", "--stack")
    assert failed.returncode == Exit.FAILED
    look = failed.stdout.partition("to look at it: fanfare ")[2].partition("\n")[0].split()
    assert json.loads(project.plainly(*look, "--json").stdout)["state"] == "succeeded"
    updated = project.plainly("test", "--stack", "--update")
    assert updated.returncode == 0, updated.stdout
    assert "ARE RED" in cases.read_text()
    assert project.json("down")["stopped"]
