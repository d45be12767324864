"""Names of secrets and of the variables that get them."""

import json

import pytest
from pydantic import ValidationError

from pipeline.domain.definitions.secrets import Form
from pipeline.domain.definitions.stages import TaskProgram


def task(secrets: object) -> TaskProgram:
    return TaskProgram.model_validate_json(json.dumps({"program": "a.py", "secrets": secrets}))


def test_a_text_is_short_for_a_variable():
    found = task({"TOKEN": "my-vault/api-token", "KEY_1": {"from": "V-1/k", "as": "file"}})
    assert {n: (s.source, s.form) for n, s in found.secrets.items()} == {
        "TOKEN": ("my-vault/api-token", Form.VARIABLE),
        "KEY_1": ("V-1/k", Form.FILE),
    }


def test_what_a_run_keeps_is_read_as_it_was():
    found = task({"TOKEN": "my-vault/token", "KEY": {"from": "my-vault/key", "as": "file"}})
    kept = found.model_dump_json(by_alias=True, exclude_defaults=True)
    assert TaskProgram.model_validate_json(kept) == found


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LD_PRELOAD", "PYTHONPATH", "FANFARE_X", "AZ_BATCH_NODE_ID", "BASH_ENV"],
)
def test_a_variable_that_has_a_meaning_is_refused(name):
    with pytest.raises(ValidationError, match=f"{name} has a meaning already"):
        task({name: "my-vault/token"})


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "../x", "A" * 65, "\u00c4", "A\n"])
def test_a_name_that_no_shell_takes_is_refused(name):
    with pytest.raises(ValidationError, match="is not a variable such as API_TOKEN"):
        task({name: "my-vault/token"})


@pytest.mark.parametrize(
    "source",
    [
        *("token", "my-vault/", "/token", "my-vault/a/b", "../x", "my-vault/../x", "my-vault/a_b"),
        *("ab/token", f"{'a' * 25}/token", "1vault/token", "my--vault/token", "my-vault-/token"),
        *("my_vault/token", f"my-vault/{'a' * 128}", "my-vault/token\n", "my-vault/\u0661"),
        "https://my-vault.vault.azure.net/secrets/token",
    ],
)
def test_what_key_vault_cannot_hold_is_refused_without_a_word_of_it(source):
    with pytest.raises(ValidationError) as caught:
        task({"TOKEN": source})
    (error,) = caught.value.errors()
    assert "is not VAULT/NAME, such as my-vault/api-token" in error["msg"]
    assert source not in error["msg"].replace("VAULT/NAME, such as my-vault/api-token", "").split()


def test_a_program_has_at_most_20_secrets():
    task({f"T{number}": "my-vault/token" for number in range(20)})
    with pytest.raises(ValidationError, match="at most 20"):
        task({f"T{number}": "my-vault/token" for number in range(21)})
