"""The file of secrets of a local stack: YAML or JSON, `vault/name: value`, read at each question.

So a value that is added or changed counts from the next run on, without a restart.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.domain.catalogue.file import Plain, UnreadableFile, read_document
from pipeline.errors import SecretRefused


class LocalSecrets:
    """Reads secrets of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, secret: str) -> str:
        """Return the present value of a secret. Raises SecretRefused."""
        value = self._values().get(secret.lower())
        if value is None:
            raise SecretRefused(
                f"{self._path} has no secret {secret}: add a line `{secret}: VALUE` to it."
            )
        if not isinstance(value, str):
            raise SecretRefused(
                f"The value of {secret} in {self._path} is no text: put it in quotes."
            )
        return value

    def _values(self) -> Mapping[str, Plain]:
        if not self._path.exists():
            return {}
        try:
            document = read_document(self._path)
        except UnreadableFile as error:
            told = [problem.reason for problem in error.problems]
            raise SecretRefused(f"The file of secrets {self._path} {told[0]}.") from None
        if document.problems:
            first = document.problems[0]
            raise SecretRefused(
                f"The file of secrets {self._path} is wrong in line {first.line}: correct it."
            )
        return {name.lower(): value for name, value in document.data.items()}
