"""A pool in the management plane's shape: nothing is lost, nothing is invented."""

import pytest

from pipeline.domain.definitions.nodes.security import DiskTarget, Security
from pipeline.domain.definitions.pool import Containers, pool_body
from pipeline.domain.pools.resource import NODE_IDENTITY, pool_resource, registries
from tests.unit.domain.definitions.test_pool import pool

IMAGES = ("docker.io/library/python:3.13", "mine.azurecr.io/a:1", "mine.azurecr.io/b")


def machine_of(resource):
    return resource["properties"]["deploymentConfiguration"]["virtualMachineConfiguration"]


def test_nodes_log_in_to_azure_registries_as_their_identity_and_to_no_other():
    made = pool(containers=Containers(images=IMAGES))
    servers = registries(made)
    found = machine_of(pool_resource(pool_body(made, "f"), servers))["containerConfiguration"]
    login = {
        "registryServer": "mine.azurecr.io",
        "identityReference": {"resourceId": NODE_IDENTITY},
    }
    assert servers == ["mine.azurecr.io"]
    assert found["containerRegistries"] == [login]


def test_a_start_task_that_installs_is_spelled_as_the_management_plane_does():
    body = pool_body(pool(packages=("g++",)), "f")
    made = pool_resource(body, [])["properties"]["startTask"]
    assert made["userIdentity"]["autoUser"] == {"scope": "Pool", "elevationLevel": "Admin"}
    assert made["commandLine"] == body["startTask"]["commandLine"]


def test_disks_are_spelled_as_the_management_plane_and_the_policy_spell_them():
    made = pool(security=Security(trusted_launch=True, disk_encryption=tuple(DiskTarget)))
    machine = machine_of(pool_resource(pool_body(made, "f"), []))
    assert machine["diskEncryptionConfiguration"]["targets"] == ["OsDisk", "TemporaryDisk"]
    assert machine["securityProfile"]["securityType"] == "trustedLaunch"


def test_what_the_create_call_says_and_the_resource_has_no_place_for_is_refused():
    body = {**pool_body(pool(), "f"), "certificateReferences": []}
    with pytest.raises(ValueError, match="certificateReferences"):
        pool_resource(body, [])
