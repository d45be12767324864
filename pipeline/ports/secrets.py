"""Secrets: what a vault holds under a name."""

from typing import Protocol


class Secrets(Protocol):
    """Azure Key Vault, or on a local stack the file of secrets of this machine."""

    def read(self, secret: str) -> str:
        """Return the present value of a secret, named `vault/name`; both ignore case.

        No error says anything of a value. Raises SecretRefused if the vault has no such secret or
        does not give it, and Transient if that may pass.
        """
