"""What a project's parameters of the templates say, and what cannot be known from them."""

import json

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.project.folder import Project
from pipeline.cli.project.parameters import PYTHON, python_version, subscribers


@pytest.fixture
def project(tmp_path):
    def of(**parameters):
        (tmp_path / "infra").mkdir(exist_ok=True)
        file = tmp_path / "infra/main.parameters.json"
        given = {name: {"value": value} for name, value in parameters.items()}
        file.write_text(json.dumps({"parameters": given}), "utf-8")
        return Project(tmp_path)

    return of


def test_subscribers_are_named(project):
    declared = [{"kind": "webhook", "name": "shop"}, {"kind": "queue", "name": "desk"}]
    assert subscribers(project(subscribers=declared)) == {"shop", "desk"}
    assert subscribers(project(alertEmail="")) == frozenset()


@pytest.mark.parametrize("given", ["${SUBSCRIBERS}", None, {}])
def test_a_list_that_azd_fills_in_is_not_known(project, given):
    assert subscribers(project(subscribers=given)) is None


def test_without_a_file_nothing_is_declared_and_the_default_counts(tmp_path):
    assert subscribers(Project(tmp_path)) is None
    assert python_version(Project(tmp_path)) == PYTHON


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parameters": []}', '{"parameters": 1}'])
def test_a_broken_file_is_named(project, text):
    made = project()
    file = made.root / "infra/main.parameters.json"
    file.write_text(text, "utf-8")
    with pytest.raises(CommandError, match=r"main\.parameters\.json cannot be read"):
        subscribers(made)
