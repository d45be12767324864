"""How the nodes of a pool boot and what encrypts their disks: what contradicts is refused."""

import pytest

from tests.unit.domain.conftest import POOL

GPU = POOL.replace("slots: 2", "slots: 1") + "gpu: nvidia\n"
GENERATION_1 = POOL.replace("sku: server", "sku: server-gen1")
JAMMY = POOL.replace("offer: ubuntu", "offer: 0001-com-ubuntu-server-jammy")
OLD = JAMMY.replace("sku: server", "sku: 22_04-lts")
BASIC = POOL.replace("Standard_D2s_v5", "Standard_A2_v2")
EVERYTHING = "{trusted_launch: true, encryption_at_host: true, disk_encryption: [os, temporary]}"


def secured(text, security):
    return f"{text}security: {security}\n"


@pytest.mark.parametrize(
    ("text", "security"),
    [
        (POOL, EVERYTHING),
        (POOL, "{disk_encryption: temporary}"),
        (POOL, "{trusted_launch: true, secure_boot: false}"),
        (GPU, "{trusted_launch: true, secure_boot: false, disk_encryption: temporary}"),
        (OLD.replace("22_04-lts", "22_04-lts-gen2"), "{trusted_launch: true}"),
        (OLD.replace("22_04-lts", "22_04-lts-arm64"), "{trusted_launch: true}"),
        (GENERATION_1, "{disk_encryption: [temporary]}"),
        (BASIC, "{encryption_at_host: true}"),
    ],
)
def test_what_azure_has_together_loads(workshop, text, security):
    workshop.pool("cpu", secured(text, security))
    assert workshop.load().pools["cpu"].security.configuration()


@pytest.mark.parametrize(
    ("text", "security", "reason"),
    [
        (POOL, "{secure_boot: false}", "secure_boot is for trusted_launch: true"),
        (POOL, "{disk_encryption: os}", "os alone encrypts nothing more"),
        (POOL, "{disk_encryption: [data]}", "disk_encryption[0]: 'data' is not one of"),
        (POOL, "{trusted: true}", "trusted: unknown key"),
        (GPU, "{trusted_launch: true}", "add secure_boot: false"),
        (GENERATION_1, "{trusted_launch: true}", "image of generation 2, which ubuntu server-gen1"),
        (
            OLD,
            "{trusted_launch: true}",
            "image of generation 2, which 0001-com-ubuntu-server-jammy",
        ),
        (BASIC, "{trusted_launch: true}", "Standard_A2_v2 has neither"),
        (BASIC, "{disk_encryption: temporary}", "choose another size"),
    ],
)
def test_what_contradicts_is_refused_and_says_what_would_do(workshop, text, security, reason):
    workshop.pool("cpu", secured(text, security))
    (found,) = workshop.problems()
    assert reason in found, found
