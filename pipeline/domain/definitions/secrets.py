"""Secrets as definitions name them: of which vault, and how a program gets them.

Names follow Key Vault's rules, and a value is what the vault may hold: at most 25 KB of text.
https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
https://learn.microsoft.com/azure/key-vault/secrets/about-secrets
"""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pipeline.domain.definitions.types import Strict, matching

MOST_SECRETS = 20  # of one program: its environment has room for as many of the largest
MOST_BYTES, LEAST_CHARACTERS = 25 * 1024, 6
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_VAULT = r"(?=[^/]{3,24}/)[A-Za-z](?:[A-Za-z0-9]|-(?!-))*[A-Za-z0-9]"
_EXAMPLE = "my-vault/api-token"
_SOURCE = re.compile(rf"{_VAULT}/[A-Za-z0-9-]{{1,127}}", re.ASCII)
# What the runner, Batch, the loader, the shell, Python or the GPU's driver take from a variable.
_OTHERS = ("FANFARE_", "AZ_", "LD_", "PYTHON", "CUDA_", "NVIDIA_", "BASH_", "GLIBC_", "GCONV_")
_TAKEN = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "IFS", "ENV"})


class Form(StrEnum):
    """How a program gets a secret: as a variable, or as a file whose path the variable has."""

    VARIABLE = "env"
    FILE = "file"


def _free(name: str) -> str:
    if name in _TAKEN or name.startswith(_OTHERS):
        raise ValueError(f"{name[:60]} has a meaning already: choose another name")
    return name


def _named(text: str) -> str:
    """Check the name of a secret. The error quotes nothing: somebody may have put a value there."""
    if not _SOURCE.fullmatch(text):
        raise ValueError(
            f"is not VAULT/NAME, such as {_EXAMPLE}, by Key Vault's rules; values belong in the "
            "vault, and of a local stack in secrets.local.yaml"
        )
    return text


class Secret(Strict):
    """One secret of a program: `vault/name`, and how the program gets it."""

    source: Annotated[
        str, AfterValidator(_named), Field(alias="from", json_schema_extra={"examples": [_EXAMPLE]})
    ]
    form: Form = Field(default=Form.VARIABLE, alias="as")

    def objection(self, value: str) -> str:
        """Return why a program cannot be given this value, or "". It quotes nothing of it."""
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            return "is no text that UTF-8 can write: store it as Base64"
        if len(value.strip()) < LEAST_CHARACTERS:
            return (
                f"has fewer than {LEAST_CHARACTERS} characters, which cannot be hidden in logs: "
                "use a longer one, or an argument if it is no secret"
            )
        if size > MOST_BYTES:
            return f"is larger than {MOST_BYTES // 1024} KiB: let the program fetch it"
        if "\0" in value and self.form is Form.VARIABLE:
            return "has a NUL character, which no variable can hold: take it with `as: file`"
        return ""


def _expanded(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class _OrText:
    """Tells editors that a text is enough."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "examples": [_EXAMPLE]}, handler(schema)]}


VariableName = Annotated[
    str,
    AfterValidator(matching(_VARIABLE, "a variable such as API_TOKEN (at most 64 characters)")),
    AfterValidator(_free),
    Field(json_schema_extra={"pattern": f"^{_VARIABLE}$"}),
]
SecretOrName = Annotated[Secret, BeforeValidator(_expanded), _OrText()]
Secrets = Annotated[
    dict[VariableName, SecretOrName],
    Field(max_length=MOST_SECRETS),
]
