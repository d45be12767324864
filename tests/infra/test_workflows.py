"""The workflows: pinned actions, the least permissions, no stored secret."""

import json
import re

import pytest
import yaml

from tests.infra.deployment import AZD, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEPLOY, INFRA = (
    yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))
    for name in ("azure-dev.yml", "infra.yml")
)


def steps_that_foretell():
    return [s for s in INFRA["jobs"]["what-if"]["steps"] if "what-if" in s.get("run", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_and_say_its_version(path):
    for line in path.read_text("utf-8").splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_a_job_that_logs_in_may_ask_for_its_token(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        extra = {"contents": "read", "id-token": "write"}
        assert job.get("permissions") in (None, extra)
        assert job["timeout-minutes"] <= 60
        assert ("permissions" in job) == ("environment" in job)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_secret_is_stored_and_no_text_of_a_stranger_reaches_a_shell(path):
    text = path.read_text("utf-8")
    assert "secrets." not in text
    for step in (s for j in yaml.safe_load(text)["jobs"].values() for s in j["steps"]):
        assert "${{" not in step.get("run", "")


def test_workflows_deploy_and_foretell_with_the_parameters_that_people_set():
    """An unset parameter would get its default, and could open a closed network."""
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "infra/main.parameters.json").read_text("utf-8")))
    assert asked - {"AZURE_PRINCIPAL_ID"} <= set(DEPLOY["jobs"]["deploy"]["env"])
    own = {name for name in asked if name.startswith("FANFARE_")}
    assert own == set(AZD["pipeline"]["variables"])
    (foretelling,) = steps_that_foretell()
    assert own <= set(foretelling["env"])
    assert own == set(re.findall(r"\w=\"\$(FANFARE_\w+)", foretelling["run"]))


def test_a_forecast_takes_the_rest_from_the_file_and_needs_no_right_to_write():
    """Only the file has subscribers and sizes; full validation would need write access."""
    (foretelling,) = steps_that_foretell()
    assert "infra/main.parameters.json" in foretelling["run"]
    assert "--validation-level ProviderNoRbac" in foretelling["run"]


def test_every_environment_of_a_workflow_has_its_federated_credential_in_the_guide():
    """The token's subject names the job's environment, not the branch or pull request."""
    guide = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    workflows = [yaml.safe_load(path.read_text("utf-8")) for path in WORKFLOWS]
    jobs = [job for workflow in workflows for job in workflow["jobs"].values()]
    environments = {job["environment"] for job in jobs if "environment" in job}
    assert environments == set(re.findall(r"repo:OWNER/NAME:environment:(\w+)", guide))


def test_azd_finds_the_workflow_that_it_configures():
    assert (ROOT / ".github" / "workflows" / "azure-dev.yml") in WORKFLOWS


def test_the_devcontainer_has_the_python_of_the_project_and_makes_it_ready():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8")
    container = json.loads(text)
    (version,) = re.findall(r"python:([\d.]+)", container["image"])
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert container["postCreateCommand"] == "make setup"
