"""What the engine relies on when it reads a secret: in memory, from a file, and from Key Vault."""

import json
from dataclasses import replace

import pytest

from pipeline.adapters.secrets.local import LocalSecrets
from pipeline.errors import SecretRefused
from tests.contract.secrets import vault as vaults
from tests.fakes.world import fake_ports

VALUES = {"my-vault/token": "one", "my-vault/key": "a\nb \u00fc \"'\\\0" + "x" * 25_000}


@pytest.fixture(params=["fake", "file", "service"])
def ports(request, tmp_path):
    fake = fake_ports()
    if request.param == "fake":
        fake.secrets.values = VALUES
        yield fake.ports
    elif request.param == "file":
        path = tmp_path / "secrets.local.yaml"
        path.write_text(json.dumps(VALUES))
        yield replace(fake.ports, secrets=LocalSecrets(path))
    else:
        with vaults.serving() as vault:
            vault.answers = dict(VALUES)
            yield replace(fake.ports, secrets=vault.client())


@pytest.mark.parametrize("name", VALUES)
def test_a_secret_has_the_value_that_the_vault_has(ports, name):
    assert ports.secrets.read(name) == VALUES[name]


def test_the_name_of_a_vault_ignores_case(ports):
    assert ports.secrets.read("My-Vault/token") == "one"


def test_a_secret_that_is_not_there_is_refused_by_its_name(ports):
    with pytest.raises(SecretRefused, match="other"):
        ports.secrets.read("my-vault/other")
    with pytest.raises(SecretRefused, match="no secret"):
        ports.secrets.read("other-vault/token")
