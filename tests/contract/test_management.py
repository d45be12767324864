"""The management plane over HTTP: a small server answers in the documented shapes."""

import json

import pytest
from azure.identity import CredentialUnavailableError

from pipeline.adapters.management import Management, Refused
from pipeline.domain.health.findings import Deployment
from pipeline.domain.health.quotas import Size
from pipeline.domain.health.roles import Assignment, Bearer
from pipeline.errors import Transient
from tests import loopback

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
NODES = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/id-node"
WHERE = Deployment("s", "rg", "ba", "st", "func", "westeurope", NODES)
USERS = {"identity": {"userAssignedIdentities": {"/id": {"principalId": "p-1"}}}}
SYSTEM = {"identity": {"type": "SystemAssigned", "principalId": "p-1"}}
SKUS = "/subscriptions/s/providers/Microsoft.Batch/locations/westeurope/virtualMachineSkus"
ROLE = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/role-1"


class Arm(loopback.Handler):
    """Answers by path; refuses requests without a token."""

    bodies: dict[str, dict] = {}  # noqa: RUF012 the server makes the handlers
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        known = self.headers["Authorization"] == "Bearer t"
        body = self.bodies.get(self.path.partition("?")[0])
        status = 403 if not known else 404 if body is None else 200
        content = json.dumps(body if status == 200 else {"error": {"code": "No"}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def arm():
    Arm.bodies, Arm.asked = {}, []
    with loopback.listening(Arm) as url:
        yield url


@pytest.fixture
def plane(arm):
    return Management(WHERE, lambda: "t", arm)


def test_quotas_come_from_the_batch_account(plane):
    Arm.bodies[f"{GROUP}/Microsoft.Batch/batchAccounts/ba"] = {
        "properties": {
            "dedicatedCoreQuota": 20,
            "lowPriorityCoreQuota": 0,
            "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDSv5Family", "coreQuota": 6}],
            "dedicatedCoreQuotaPerVMFamilyEnforced": True,
            "poolQuota": 100,
            "activeJobAndJobScheduleQuota": 300,
        }
    }
    quotas = plane.quotas()
    assert (quotas.dedicated, quotas.spot, quotas.jobs, quotas.pools) == (20, 0, 300, 100)
    assert quotas.by_family == {"standarddsv5family": 6} and quotas.family_enforced


def test_sizes_come_over_all_pages_of_this_server_alone(plane, arm):
    sku = {"name": "Standard_D2s_v5", "familyName": "F", "capabilities": []}
    cores = {"capabilities": [{"name": "vCPUs", "value": "2"}], "name": "Standard_D2s_v6"}
    elsewhere = "http://127.0.0.1.example.org/next"
    Arm.bodies[SKUS] = {"value": [sku], "nextLink": f"{arm}/more"}
    Arm.bodies["/more"] = {"value": [cores], "nextLink": elsewhere}
    assert plane.sizes() == {"standard_d2s_v5": Size("F", 1), "standard_d2s_v6": Size("", 2)}


def test_the_subscriptions_of_a_topic_come_by_name(plane):
    path = f"{GROUP}/Microsoft.EventGrid/topics/t-1/eventSubscriptions"
    held = {"destination": {"endpointType": "WebHook"}}
    Arm.bodies[path] = {"value": [{"name": "shop", "properties": held}, {"name": "odd"}]}
    assert plane.subscriptions("t-1") == {"shop": held, "odd": {}}
    assert Arm.asked == [f"{path}?api-version=2025-02-15"]
    with pytest.raises(Refused):
        plane.subscriptions("t-2")


def test_only_registered_providers_count(plane):
    Arm.bodies["/subscriptions/s/providers"] = {
        "value": [
            {"namespace": "Microsoft.Batch", "registrationState": "Registered"},
            {"namespace": "Microsoft.Web", "registrationState": "Registering"},
        ]
    }
    assert plane.providers() == {"Microsoft.Batch"}


@pytest.mark.parametrize(
    ("bearer", "path", "body"),
    [
        (Bearer.APP, f"{GROUP}/Microsoft.Web/sites/func", USERS),
        (Bearer.NODES, NODES, {"properties": {"principalId": "p-1"}}),
        (Bearer.EVENTS, f"{GROUP}/Microsoft.EventGrid/systemTopics/fanfare-storage", SYSTEM),
    ],
)
def test_roles_are_those_of_the_identity_that_is_meant(plane, bearer, path, body):
    Arm.bodies[path] = body
    Arm.bodies[f"{GROUP}/Microsoft.Authorization/roleAssignments"] = {
        "value": [{"properties": {"roleDefinitionId": ROLE, "principalId": "p-1", "scope": "/x"}}]
    }
    assert plane.roles(bearer) == [Assignment("role-1", "/x")]
    assert "p-1" in Arm.asked[-1]


def test_a_missing_resource_or_identity_has_no_roles(plane):
    Arm.bodies[f"{GROUP}/Microsoft.Web/sites/func"] = {"identity": {"type": "None"}}
    assert [plane.roles(bearer) for bearer in Bearer] == [None] * 3


def test_roles_that_cannot_be_read_are_not_missing_roles(arm):
    for bearer in Bearer:
        with pytest.raises(Refused, match="403"):
            Management(WHERE, lambda: "wrong", arm).roles(bearer)


def test_a_refusal_and_silence_are_distinguished(arm):
    with pytest.raises(Refused, match="403 No"):
        Management(WHERE, lambda: "wrong", arm).quotas()
    with pytest.raises(Transient, match="no answer"):
        Management(WHERE, lambda: "t", "http://127.0.0.1:9").quotas()


def test_a_user_without_a_login_is_asked_to_log_in(arm):
    def no_token():
        raise CredentialUnavailableError("tried this and that")

    with pytest.raises(Transient, match="az login"):
        Management(WHERE, no_token, arm).quotas()
