"""`fanfare preflight` asks a real child process, and says what would refuse a deployment."""

import json

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.project.parameters import PYTHON
from tests.unit.cli.preflight.conftest import SUBSCRIPTION


def test_a_subscription_in_which_nothing_refuses(preflight):
    result = preflight()
    assert result.exit_code == Exit.OK, result.output
    assert "✗" not in result.output
    assert "Nothing that was asked refuses the deployment" in result.output


def test_what_was_not_asked_is_unknown_and_never_ok(preflight):
    found = preflight.found()
    assert {name for name, one in found.items() if one["state"] == "unknown"} == {
        "images", "core quota of pool cpu", "core quota of pool containers",
    }  # fmt: skip


def test_a_refusal_ends_with_one_and_names_the_command(preflight):
    preflight.az.answer("functionapp list-flexconsumption-locations", [{"name": "eastus"}])
    result = preflight()
    assert result.exit_code == Exit.FAILED
    assert "→ az functionapp list-flexconsumption-locations" in result.output
    assert "1 finding would refuse the deployment." in result.output


def test_pools_with_gpus_are_looked_at_if_they_are_wanted(preflight):
    preflight.chosen(FANFARE_GPU_POOLS="true")
    assert preflight.found()["size of pool gpu"]["state"] == "refuses"
    assert preflight.found("--set", "FANFARE_GPU_POOLS=false").get("size of pool gpu") is None


def test_a_pool_that_is_left_out_is_not_looked_at(preflight):
    preflight.chosen(FANFARE_WITHOUT_POOLS="containers, gpu")
    found = preflight.found()
    assert "size of pool cpu" in found
    assert "size of pool containers" not in found


def test_a_pool_that_is_left_out_by_a_wrong_name_is_told(preflight):
    preflight.chosen(FANFARE_WITHOUT_POOLS="container")
    result = preflight()
    assert result.exit_code == Exit.USAGE
    assert "names 'container', which is no pool (known: containers, cpu, gpu)" in result.output


def test_an_account_that_is_there_tells_its_images(preflight):
    preflight.has_account()
    assert preflight.found()["image of pool cpu"]["state"] == "ok"


TROUBLES = {
    "an error": ({"refused": "(AuthorizationFailed) You may not."}, "(AuthorizationFailed) You"),
    "no JSON": ({"printed": "upgrade now!"}, "something else than JSON"),
    "another shape": ({"value": []}, "something else than a list"),
    "a list of texts": (["westeurope"], "something else than a list"),
    "no time": ({"hangs_s": 60}, "did not answer within 1 s"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_answer_that_is_none_is_unknown_with_its_message(preflight, trouble):
    answer, said = TROUBLES[trouble]
    preflight.az.answer("functionapp list-flexconsumption-locations", answer)
    found = preflight.found("--wait", "1" if "hangs_s" in answer else "90")["Flex Consumption"]
    assert (found["state"], said in found["evidence"]) == ("unknown", True), found
    assert found["fix"].startswith("az functionapp list-flexconsumption-locations")


def test_without_a_login_nothing_is_asked(preflight):
    preflight.az.answer("account show", {"refused": "Please run 'az login' to setup account."})
    result = preflight()
    assert result.exit_code == Exit.UNREACHABLE
    assert "→ az login" in result.output
    assert "Azure could not be asked." in result.output
    assert len(preflight.az.asked) == 1


def test_without_the_azure_cli_there_is_one_finding(preflight, monkeypatch):
    monkeypatch.setenv("PATH", str(preflight.root))
    result = preflight("--json")
    assert result.exit_code == Exit.UNREACHABLE
    answer = json.loads(result.stdout)
    assert (answer["asked"], answer["findings"][0]["state"]) == (False, "unknown")


def test_what_is_not_chosen_yet_is_not_asked(preflight):
    (preflight.root / ".azure/demo/.env").write_text('AZURE_ENV_NAME="demo"\n', "utf-8")
    found = preflight.found()
    assert found["Flex Consumption"]["state"] == "unknown"
    assert found["Flex Consumption"]["fix"] == "azd env set AZURE_LOCATION REGION"
    assert found["rights"]["state"] == "ok"


def test_options_come_before_the_environment(preflight):
    found = preflight.found("--location", "eastus", "--name", "other")
    assert found["Flex Consumption"]["evidence"] == "eastus has it"
    assert "group rg-other" in found


def test_without_an_environment_options_are_enough(preflight):
    (preflight.root / ".azure/config.json").unlink()
    assert preflight.found("--location", "East US")["Flex Consumption"]["state"] == "ok"


def test_the_parameters_of_the_templates_choose_the_python(preflight):
    (preflight.root / "infra").mkdir()
    file = preflight.root / "infra/main.parameters.json"
    file.write_text('{"parameters": {"pythonVersion": {"value": "3.99"}}}', "utf-8")
    assert preflight.found()["Python"]["state"] == "refuses"
    file.write_text("{}", "utf-8")
    result = preflight()
    assert (result.exit_code, "main.parameters.json cannot be read" in result.output) == (2, True)
    assert PYTHON == "3.13"


@pytest.mark.parametrize(
    "options",
    [
        ("--location", "x; rm"), ("--name", "-x/../y"), ("--subscription", "--all"),
        ("--set", "AZURE_PRINCIPAL_ID=--help"), ("--set", "FANFARE_GPU_POOLS"),
    ],
)  # fmt: skip
def test_what_azure_would_not_take_is_no_argument_of_az(preflight, options):
    result = preflight(*options)
    assert result.exit_code == Exit.USAGE, result.output
    assert not (preflight.az.folder / "asked.jsonl").exists()


def test_every_question_is_about_the_subscription_of_the_environment(preflight):
    preflight.has_account()
    preflight.found()
    local = [words for words in preflight.az.asked if SUBSCRIPTION not in " ".join(words)]
    assert [words[:4] for words in local] == [["batch", "pool", "supported-images", "list"]]
