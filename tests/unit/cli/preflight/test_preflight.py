"""`fanfare preflight` asks a real child process, and says what would refuse a deployment."""

import json

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.project.parameters import PYTHON
from tests.unit.cli.preflight.conftest import NAMES, SUBSCRIPTION

ELSEWHERE = {"name": "rg-demo", "location": "eastus", "tags": {"azd-env-name": "demo"}}
BY_HAND = {"name": "RG-demo", "location": "westeurope", "tags": None}
TAKEN = {"nameAvailable": False, "reason": "AlreadyExists", "message": "It is already taken."}
READER = {"roleDefinitionName": "Reader", "roleDefinitionId": "r", "scope": "/"}
BUILDER = {"roleDefinitionName": "Builder", "roleDefinitionId": "b", "scope": "/"}
BOUND = {"roleDefinitionName": "Owner", "roleDefinitionId": "o", "condition": "((…))"}
UNREGISTERED = [{"namespace": "Microsoft.Batch", "registrationState": "NotRegistered"}]
DISABLED = {
    "id": SUBSCRIPTION, "name": "L", "state": "Disabled",
    "user": {"name": "alice@example.org", "type": "user"},
}  # fmt: skip
SHARED_KEYS = (
    "/providers/Microsoft.Authorization/policyDefinitions/8c6a50c6-9ffd-4ae7-986f-5fa6111f9a54"
)
LOCATIONS = (
    "/providers/Microsoft.Authorization/policyDefinitions/e56962a6-4747-49cd-b67b-bf8b01975c4c"
)
TAG = "/providers/Microsoft.Authorization/policyDefinitions/871b6d14-10aa-478d-b590-94f262ecfa99"


def assignment(definition, mode="Default", **parameters):
    given = {name: {"value": value} for name, value in parameters.items()}
    return [
        {"displayName": "P", "name": "p", "policyDefinitionId": definition,
         "enforcementMode": mode, "parameters": given}
    ]  # fmt: skip


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


CHANGES = {
    "a disabled subscription": ("account show", DISABLED, "login", "refuses", "Disabled"),
    "an unregistered provider": (
        "provider list", UNREGISTERED, "provider Microsoft.Batch", "warns", "NotRegistered"),
    "a provider that is not listed": (
        "provider list", [], "provider Microsoft.Web", "warns", "not known"),
    "no role": ("role assignment list", [], "rights", "refuses", "no role"),
    "a reader": ("role assignment list", [READER], "rights", "refuses", "you have Reader"),
    "a role of the company": (
        "role assignment list", [BUILDER], "rights", "unknown", "whether Builder does"),
    "a role with a condition": (
        "role assignment list", [BOUND], "rights", "warns", "Owner has a condition"),
    "a group elsewhere": ("group list", [ELSEWHERE], "group rg-demo", "refuses", "eastus"),
    "a group made by hand": ("group list", [BY_HAND], "group rg-demo", "warns", "azd did not"),
    "an old Python": (
        "functionapp list-flexconsumption-runtimes", [{"name": "python", "version": "3.12"}],
        "Python", "refuses", "but 3.12"),
    "no size": ("batch location list-skus", [], "size of pool cpu", "refuses", "does not offer"),
    "no further account": (
        "batch location quotas show", {"accountQuota": 0},
        "quota of Batch accounts", "refuses", "0 of 0"),
    "a taken account": (
        "storage account check-name", TAKEN, "name of storage account", "refuses", NAMES.storage),
    "a taken app": (
        "rest ... Microsoft.Web/checknameavailability", TAKEN,
        "name of function app", "refuses", NAMES.app),
    "a taken Batch account": (
        "rest ... Microsoft.Batch/locations/westeurope/checkNameAvailability", TAKEN,
        "name of Batch account", "refuses", NAMES.batch),
    "a policy that denies storage": (
        "policy assignment list", assignment(SHARED_KEYS, effect="Deny"),
        "policy P", "warns", "Microsoft.Storage/storageAccounts"),
    "a policy that denies the region": (
        "policy assignment list", assignment(LOCATIONS, listOfAllowedLocations=["eastus"]),
        "policy P", "warns", "Allowed locations"),
    "a policy that wants a tag": (
        "policy assignment list", assignment(TAG, tagName="owner"),
        "policy P", "warns", "resources of every type"),
    "a policy of another tenant": (
        "policy assignment list", assignment("/providers/elsewhere"),
        "policy P", "unknown", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_az_answers_becomes_a_finding(preflight, change):
    command, answer, name, state, said = CHANGES[change]
    preflight.az.answer(command, answer)
    found = preflight.found()[name]
    assert (found["state"], said in found["evidence"]) == (state, True), found
    assert found["fix"]


@pytest.mark.parametrize(
    "harmless",
    [
        assignment(SHARED_KEYS, effect="Audit"),
        assignment(SHARED_KEYS, mode="DoNotEnforce", effect="Deny"),
        assignment(LOCATIONS, listOfAllowedLocations=["westeurope"]),
    ],
)
def test_a_policy_that_denies_nothing_of_ours_is_no_finding(preflight, harmless):
    preflight.az.answer("policy assignment list", harmless)
    assert preflight.found()["policies"]["state"] == "ok"


def test_a_role_with_and_without_a_condition_counts_as_one_without(preflight):
    free = {name: value for name, value in BOUND.items() if name != "condition"}
    for held in ([BOUND, free], [free, BOUND]):
        preflight.az.answer("role assignment list", held)
        assert preflight.found()["rights"]["state"] == "ok"


def test_an_initiative_denies_by_the_parameter_that_its_assignment_gives(preflight):
    (given,) = preflight.az.answers["policy assignment list"]
    changed = given | {"parameters": {"sharedKeyEffect": {"value": "Deny"}}}
    preflight.az.answer("policy assignment list", [changed])
    assert preflight.found()["policy ASC Default"]["state"] == "warns"


def test_a_private_network_needs_a_provider_that_no_deployment_registers(preflight):
    preflight.chosen(FANFARE_PRIVATE_NETWORK="true")
    found = preflight.found()["provider Microsoft.App"]
    assert found["state"] == "refuses"
    assert found["fix"].startswith("az provider register -n Microsoft.App")


def test_pools_with_gpus_are_looked_at_if_they_are_wanted(preflight):
    preflight.chosen(FANFARE_GPU_POOLS="true")
    assert preflight.found()["size of pool gpu"]["state"] == "refuses"
    assert preflight.found("--set", "FANFARE_GPU_POOLS=false").get("size of pool gpu") is None


def test_names_that_this_environment_has_already_are_fine(preflight):
    preflight.az.answer("storage account check-name", TAKEN)
    preflight.az.answer("resource list", [{"name": NAMES.storage}])
    assert preflight.found()["name of storage account"]["state"] == "ok"


def test_an_account_that_is_there_tells_its_cores_and_images(preflight):
    preflight.has_account()
    found = preflight.found()
    assert found["core quota of pool cpu"]["state"] == "ok"
    assert found["image of pool cpu"]["state"] == "ok"
    assert found["quota of Batch accounts"]["state"] == "ok"


def test_too_few_cores_let_runs_wait_and_refuse_nothing(preflight):
    preflight.has_account(dedicatedCoreQuota=0)
    found = preflight.found()["core quota of pool cpu"]
    assert (found["state"], "the quota is 0" in found["evidence"]) == ("warns", True)


def test_an_account_that_uses_the_quotas_of_the_subscription_is_not_judged(preflight):
    preflight.has_account(poolAllocationMode="UserSubscription")
    assert preflight.found()["core quota"]["state"] == "unknown"


def test_an_image_that_batch_does_not_list_is_refused(preflight):
    preflight.has_account()
    preflight.az.answer("batch pool supported-images list", [])
    assert preflight.found()["image of pool cpu"]["state"] == "refuses"


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
