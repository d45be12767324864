"""What the engine tells of a container: how it stands, and with which user and variables."""

import json
from dataclasses import dataclass
from typing import Any, Self

from emulators.batch.document import Doc

_NEVER = "0001-01-01"
# Podman has more words than Docker, whose words Batch repeats.
_STATES = {"configured": "created", "initialized": "created", "stopped": "exited"}
_ROOT = frozenset({"", "0", "root"})


@dataclass(frozen=True, slots=True)
class Remains:
    """One look at a container after its program has ended."""

    identifier: str
    state: str = "exited"
    error: str = ""
    started: bool = True
    user: str = ""
    env: tuple[str, ...] = ()

    @classmethod
    def read(cls, identifier: str, text: str) -> Self:
        """Read the engine's answer to `inspect`; one that says nothing leaves the defaults."""
        try:
            (shown,) = json.loads(text)
            state, settings = shown["State"], shown["Config"]
        except (ValueError, KeyError, TypeError):
            return cls(identifier)
        word = str(state.get("Status") or "exited")
        return cls(
            identifier,
            _STATES.get(word, word),
            str(state.get("Error") or ""),
            not str(state.get("StartedAt") or _NEVER).startswith(_NEVER),
            str(settings.get("User") or ""),
            tuple(settings.get("Env") or ()),
        )

    @property
    def is_root(self) -> bool:
        """Tell whether its program had root's rights inside."""
        return self.user.partition(":")[0] in _ROOT

    def has(self, variable: str) -> bool:
        """Tell whether the image or the task sets a variable."""
        return any(one.startswith(f"{variable}=") for one in self.env)

    def document(self) -> Doc:
        """Return it as `containerInfo`."""
        shown: dict[str, Any] = {"containerId": self.identifier, "state": self.state}
        return shown | ({"error": self.error} if self.error else {})
