"""What a project's parameters of the templates say, and what cannot be known from them."""

import json

import pytest

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project
from pipeline.cli.project.parameters import PYTHON, deployed, python_version, subscribers


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


def test_a_package_deploys_the_values_of_the_project_over_those_of_the_engine(project):
    made = deployed(project(tags={"team": "films"}, storageSku="Standard_ZRS"))
    engines = json.loads((APP_ROOT / "infra/main.parameters.json").read_text("utf-8"))
    own = {"tags": {"value": {"team": "films"}}, "storageSku": {"value": "Standard_ZRS"}}
    assert json.loads(made.text) == {**engines, "parameters": {**engines["parameters"], **own}}
    assert made.own == ["storageSku", "tags"]


def test_without_a_file_of_the_project_the_parameters_are_the_engines(tmp_path):
    made = deployed(Project(tmp_path))
    assert json.loads(made.text) == json.loads(
        (APP_ROOT / "infra/main.parameters.json").read_text("utf-8")
    )
    assert made.own == []


def test_a_parameter_that_the_templates_lack_is_refused_with_the_nearest(project):
    with pytest.raises(CommandError, match=r"no parameter 'tag'; did you mean 'tags'\?") as refused:
        deployed(project(tag={"team": "films"}))
    assert refused.value.code is Exit.USAGE


def test_the_engines_checkout_deploys_its_file_itself():
    assert deployed(Project(APP_ROOT)).own == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parameters": []}', '{"parameters": 1}'])
def test_a_broken_file_is_named(project, text):
    made = project()
    file = made.root / "infra/main.parameters.json"
    file.write_text(text, "utf-8")
    with pytest.raises(CommandError, match=r"main\.parameters\.json cannot be read"):
        subscribers(made)
