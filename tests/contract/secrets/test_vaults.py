"""Key Vault as it answers when something is wrong, to the real client."""

import pytest

from pipeline.errors import SecretRefused, Transient
from tests.contract.secrets import vault as vaults

VALUE = "value-of-the-secret"


def denied(inner: str, key: str = "innererror") -> tuple[int, dict[str, object]]:
    return 403, {"error": {"code": "Forbidden", "message": "no", key: {"code": inner}}}


@pytest.fixture
def vault():
    with vaults.serving() as vault:
        yield vault


def test_the_vault_is_asked_in_its_cloud_and_with_a_token(vault):
    vault.answers["my-vault/token"] = VALUE
    assert vault.client("vault.azure.cn").read("my-vault/token") == VALUE
    assert vault.asked == ["/my-vault.vault.azure.cn/secrets/token/"]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (denied("SecretDisabled"), SecretRefused, "Secret token of vault my-vault is disabled"),
        (denied("SecretDisabled", "innerError"), SecretRefused, "is disabled: enable it"),
        (denied("ForbiddenByRbac"), Transient, "403 ForbiddenByRbac.: give the app's identity"),
        (denied("\x1b[31m"), Transient, "403 Forbidden"),
        ((403, {"error": {"innererror": 7}}), Transient, "does not give secret token .403"),
        ((403, [[]]), Transient, "does not give secret token .403"),
        ((400, {"error": {"code": "BadParameter", "message": VALUE}}), SecretRefused, "400 BadPar"),
        ((503, {}), Transient, "Vault my-vault does not give secret token: 503"),
        ((429, {}), Transient, "Vault my-vault does not give secret token: 429"),
    ],
)
def test_what_a_vault_refuses_is_told_with_the_name_and_no_value(vault, answer, kind, said):
    vault.answers["my-vault/token"] = answer
    with pytest.raises(kind, match=said) as caught:
        vault.client().read("my-vault/token")
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None
    assert (caught.value.service == "Key Vault") == (kind is Transient)


def test_a_vault_that_cannot_be_reached_is_asked_again_later():
    unreachable = vaults.Vault(url="http://127.0.0.1:9").client()
    with pytest.raises(Transient, match="Vault my-vault does not give secret token: no answer"):
        unreachable.read("my-vault/token")


def test_a_host_that_wants_a_token_for_something_else_gets_none(vault):
    vault.answers["strange-vault/token"] = VALUE
    vault.resource = "management.azure.com"
    with pytest.raises(SecretRefused, match=r"strange-vault\.vault\.azure\.net answers what no"):
        vault.client().read("strange-vault/token")
    assert vault.asked == []


def test_an_answer_without_a_value_is_refused(vault):
    vault.answers["my-vault/token"] = (200, {"id": "https://v/secrets/token/1"})
    with pytest.raises(SecretRefused, match="has no value of secret token"):
        vault.client().read("my-vault/token")
