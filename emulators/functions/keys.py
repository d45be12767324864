"""The host's access keys: created at the first start, kept in a file that only its owner can
read."""

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from emulators.functions.errors import StartError

EVENT_GRID_KEY = "eventgrid_extension"


@dataclass(frozen=True)
class Keys:
    """Master, host, system and function keys by name."""

    master: str
    host: dict[str, str]
    system: dict[str, str]
    functions: dict[str, dict[str, str]]

    def allows(self, level: str, function: str, given: str) -> bool:
        """Tell whether a key opens a function of an authorisation level."""
        accepted = {self.master}
        if level != "admin":
            accepted |= set(self.host.values()) | set(self.functions.get(function, {}).values())
        return _any_equal(accepted, given)

    def allows_system(self, name: str, given: str) -> bool:
        """Tell whether a key opens the webhook of an extension."""
        return _any_equal({self.master, self.system.get(name, self.master)}, given)

    def all(self) -> frozenset[str]:
        """Return every key, so that logs can hide them."""
        named = [self.host, self.system, *self.functions.values()]
        return frozenset({self.master, *(key for keys in named for key in keys.values())})


def _any_equal(accepted: Iterable[str], given: str) -> bool:
    return any([hmac.compare_digest(key.encode(), given.encode()) for key in accepted])


def load_keys(path: Path, functions: Iterable[str]) -> Keys:
    """Read the keys file, add missing keys, and write it back with mode 0600."""
    document = _read(path)
    keys = Keys(
        master=str(document.get("master") or _fresh()),
        host=_named(document, "host") or {"default": _fresh()},
        system={EVENT_GRID_KEY: _fresh(), **_named(document, "system")},
        functions=cast("dict[str, dict[str, str]]", document.get("functions") or {}),
    )
    for function in functions:
        keys.functions.setdefault(function, {"default": _fresh()})
    wanted = {
        "master": keys.master,
        "host": keys.host,
        "system": keys.system,
        "functions": keys.functions,
    }
    if wanted != document:
        _write(path, wanted)
    return keys


def _named(document: dict[str, object], name: str) -> dict[str, str]:
    return cast("dict[str, str]", document.get(name) or {})


def _fresh() -> str:
    return secrets.token_urlsafe(40)


def _read(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StartError(
            f"The keys file {path} cannot be read ({error}); remove it to get new keys."
        ) from error
    if not isinstance(document, dict):
        raise StartError(f"The keys file {path} is not a JSON object; remove it to get new keys.")
    return document


def _write(path: Path, document: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
    os.replace(fresh, path)  # noqa: PTH105 - os.replace says that it is atomic
