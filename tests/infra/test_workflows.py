"""The workflows: pinned actions, the least permissions, no stored secret."""

import re

import pytest
import yaml

from tests.infra.deployment import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
READS = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))


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


def test_the_environment_names_what_the_templates_ask_for():
    given = set(READS["jobs"]["deploy"]["env"])
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "infra/main.parameters.json").read_text("utf-8")))
    azds_own = {"AZURE_PRINCIPAL_ID"}
    optional = {name for name in asked if name.startswith("FANFARE_")}
    assert asked - azds_own - optional <= given
