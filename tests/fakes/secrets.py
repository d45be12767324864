"""A vault in memory."""

from dataclasses import dataclass, field

from pipeline.errors import SecretRefused, Transient


@dataclass
class FakeSecrets:
    """Has what is in `values`, by `vault/name`; `down` are vaults that do not answer."""

    values: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    def read(self, secret: str) -> str:
        vault = secret.partition("/")[0].lower()
        if vault in self.down:
            error = Transient(f"Vault {vault} does not give secret {secret}: no answer")
            error.service = "Key Vault"
            raise error
        found = {name.lower(): value for name, value in self.values.items()}
        if secret.lower() not in found:
            raise SecretRefused(f"Vault {vault} has no secret {secret}.")
        return found[secret.lower()]
