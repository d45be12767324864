"""Each answer of the Azure CLI becomes a finding that says what it means for the deployment."""

from dataclasses import replace
from datetime import date

import pytest

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.project.folder import Project
from pipeline.cli.target import definitions
from pipeline.domain.definitions.nodes.security import DiskTarget, Security
from pipeline.domain.preflight.checks import CHECKS, judged
from pipeline.domain.preflight.findings import Intent, Reply, State
from pipeline.domain.preflight.names import Names
from pipeline.domain.preflight.questions import Ask
from tests.fakes.azure_cli import account_of, recorded, replies_to

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
POOLS = tuple(definitions(Project(APP_ROOT)).pools.values())
INTENT = Intent(
    SUBSCRIPTION, "demo", "westeurope", "alice@example.org", python="3.13",
    pools=tuple(pool for pool in POOLS if not pool.devices), today=date(2026, 11, 30),
)  # fmt: skip
NAMES = Names.of(SUBSCRIPTION, "demo", "westeurope")
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


def found_with(changes, intent=INTENT):
    """Return the findings by name, after some commands have printed something else."""
    answers = recorded()
    assert set(changes) <= set(answers)
    return {one.name: one for one in judged(intent, replies_to(answers | changes, intent))}


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
def test_what_az_answers_becomes_a_finding(change):
    command, answer, name, state, said = CHANGES[change]
    found = found_with({command: answer})[name]
    assert (found.state, said in found.evidence) == (state, True), found
    assert found.fix


@pytest.mark.parametrize(
    "harmless",
    [
        assignment(SHARED_KEYS, effect="Audit"),
        assignment(SHARED_KEYS, mode="DoNotEnforce", effect="Deny"),
        assignment(LOCATIONS, listOfAllowedLocations=["westeurope"]),
    ],
)
def test_a_policy_that_denies_nothing_of_ours_is_no_finding(harmless):
    assert found_with({"policy assignment list": harmless})["policies"].state is State.OK


# As Azure/azure-policy has it: built-in-policies/policyDefinitions/Batch.
TARGETS = (
    "Microsoft.Batch/batchAccounts/pools/deploymentConfiguration.virtualMachineConfiguration."
    "diskEncryptionConfiguration.targets[*]"
)
DEFINITION = "1760f9d4-7206-436e-a28f-d9f3a5c8a227"
ENCRYPTED = {
    "displayName": "Azure Batch pools should have disk encryption enabled",
    "id": f"/providers/Microsoft.Authorization/policyDefinitions/{DEFINITION}",
    "name": DEFINITION,
    "parameters": {"effect": {"type": "String", "defaultValue": "Audit"}},
    "policyRule": {
        "if": {"allOf": [
            {"field": "type", "equals": "Microsoft.Batch/batchAccounts/pools"},
            {"count": {"field": TARGETS, "where": {"field": TARGETS, "contains": "TemporaryDisk"}},
             "less": 1},
        ]},
        "then": {"effect": "[parameters('effect')]"},
    },
}  # fmt: skip


def of_encryption(*disks, at_host=False):
    """Return the findings where encryption is demanded, and the pools encrypt some disks."""
    asked = Security(encryption_at_host=at_host, disk_encryption=disks)
    pools = tuple(pool.model_copy(update={"security": asked}) for pool in INTENT.pools)
    known = recorded()["policy definition list"]
    demanded = {
        "policy definition list": [*known, ENCRYPTED],
        "policy assignment list": assignment(ENCRYPTED["id"], effect="Deny"),
    }
    return found_with(demanded, replace(INTENT, pools=pools))


@pytest.mark.parametrize("at_host", [False, True])
def test_a_policy_that_wants_encrypted_disks_names_the_pools_and_the_key_that_satisfies_it(at_host):
    found = of_encryption(at_host=at_host)["policy P"]
    assert found.state is State.WARNS
    assert found.evidence.endswith(
        "disk encryption: add `security: {disk_encryption: [temporary]}` to "
        "pools/containers.yaml and pools/cpu.yaml"
    )


@pytest.mark.parametrize("disks", [(DiskTarget.TEMPORARY,), tuple(DiskTarget)])
def test_pools_that_encrypt_their_disks_satisfy_it(disks):
    assert of_encryption(*disks)["policies"].state is State.OK


def test_a_role_with_and_without_a_condition_counts_as_one_without():
    free = {name: value for name, value in BOUND.items() if name != "condition"}
    for held in ([BOUND, free], [free, BOUND]):
        assert found_with({"role assignment list": held})["rights"].state is State.OK


def test_an_initiative_denies_by_the_parameter_that_its_assignment_gives():
    (given,) = recorded()["policy assignment list"]
    changed = given | {"parameters": {"sharedKeyEffect": {"value": "Deny"}}}
    found = found_with({"policy assignment list": [changed]})
    assert found["policy ASC Default"].state is State.WARNS


def test_a_private_network_needs_a_provider_that_no_deployment_registers():
    found = found_with({}, replace(INTENT, private=True))["provider Microsoft.App"]
    assert found.state is State.REFUSES
    assert found.fix.startswith("az provider register -n Microsoft.App")


def test_names_that_this_environment_has_already_are_fine():
    there = {"storage account check-name": TAKEN, "resource list": [{"name": NAMES.storage}]}
    assert found_with(there)["name of storage account"].state is State.OK


def test_an_account_that_is_there_tells_its_cores_and_images():
    found = found_with({"batch account list": [account_of(NAMES.batch)]})
    for name in ("core quota of pool cpu", "image of pool cpu", "quota of Batch accounts"):
        assert found[name].state is State.OK, found[name]


def test_too_few_cores_let_runs_wait_and_refuse_nothing():
    without = account_of(NAMES.batch, dedicatedCoreQuota=0)
    found = found_with({"batch account list": [without]})["core quota of pool cpu"]
    assert (found.state, "the quota is 0" in found.evidence) == (State.WARNS, True)


def test_an_account_that_uses_the_quotas_of_the_subscription_is_not_judged():
    other = account_of(NAMES.batch, poolAllocationMode="UserSubscription")
    assert found_with({"batch account list": [other]})["core quota"].state is State.UNKNOWN


def test_an_image_that_batch_does_not_list_is_refused():
    there = {
        "batch account list": [account_of(NAMES.batch)],
        "batch pool supported-images list": [],
    }
    assert found_with(there)["image of pool cpu"].state is State.REFUSES


STRANGE = [None, {}, "text", [1], 7, [[]], [{"name": 1, "id": 2}]]


@pytest.mark.parametrize("answer", STRANGE, ids=str)
@pytest.mark.parametrize("ask", sorted(set(Ask) - {Ask.RESOURCES}))
def test_an_answer_of_another_shape_is_unknown(ask, answer):
    replies = replies_to(recorded() | {"batch account list": [account_of(NAMES.batch)]}, INTENT)
    found = judged(INTENT, replies | {ask: Reply(answer)})
    for name in (name for name, check in CHECKS.items() if ask in check.asks):
        assert [one.state for one in found if one.name == name] == [State.UNKNOWN]


@pytest.mark.parametrize("answer", STRANGE, ids=str)
def test_strange_accounts_leave_images_unasked(answer):
    found = found_with({"batch account list": answer})["images"]
    assert (found.state, "the answer" in found.evidence) == (State.UNKNOWN, True)


@pytest.mark.parametrize("answer", STRANGE[:-1], ids=str)
def test_what_this_environment_has_is_read_only_if_a_name_is_taken(answer):
    taken = {"storage account check-name": TAKEN, "resource list": answer}
    assert found_with(taken)["name of storage account"].state is State.UNKNOWN
    assert found_with({"resource list": answer})["name of storage account"].state is State.OK
