"""The key of an emulator that is started alone: from a file, from the environment, or drawn once
and kept in its data folder. Never from the command line, which every user of the machine sees."""

import base64
import binascii
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "EMULATOR_KEY"
HELP = f"its key, base64, in a file: --key @FILE; or in {VARIABLE}; without one a key is drawn"
_SHOWN = (
    "A key in the arguments is shown to all who list processes: write it into a file, and {remedy}."
)
_FILE = "key"
_DRAWN_BYTES, _MOST_CHARACTERS = 64, 4096
_OF_OTHERS = 0o077


class KeyUnusable(Exception):
    """A key that cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as Base64, and the file that keeps it if it was drawn."""

    text: str
    file: Path | None = None

    def told(self) -> dict[str, object]:
        """Return what the ready line says of it: where a drawn key is."""
        return {} if self.file is None else {"key_file": str(self.file)}


def take_key(given: str | None, arguments: Sequence[str], data: Path) -> Key:
    """Return the key; raises KeyUnusable. The environment loses it: no child may inherit it."""
    inherited = os.environ.pop(VARIABLE, None)
    if given is not None:
        key = Key(checked(given, "--key"))
        if any(one == given or one.endswith(f"={given}") for one in arguments):
            raise KeyUnusable(_SHOWN.format(remedy=f"give --key @FILE, or set {VARIABLE}"))
        return key
    if inherited is not None:
        return Key(checked(inherited, VARIABLE))
    return _kept(data / _FILE)


def check_connection(arguments: Sequence[str]) -> None:
    """Refuse a connection string with a key in the arguments; raises KeyUnusable."""
    if any("accountkey=" in one.lower() for one in arguments):
        raise KeyUnusable(_SHOWN.format(remedy="give --storage-connection @FILE"))


def checked(text: str, where: str) -> str:
    """Return a key that is Base64 and not empty; raises KeyUnusable."""
    try:
        good = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        good = b""
    if not good:
        raise KeyUnusable(f"{where} has to be base64, and not empty.")
    return text


def _check_private(found: os.stat_result, path: Path) -> None:
    """Refuse a key that another user of the machine made, or can read."""
    if found.st_uid != os.geteuid() or found.st_mode & _OF_OTHERS:
        raise KeyUnusable(f"{path} is not yours alone: delete it to get a new key.")


def _kept(path: Path) -> Key:
    path = path.resolve()
    try:
        with path.open(encoding="ascii") as file:
            _check_private(os.fstat(file.fileno()), path)
            return Key(checked(file.read(_MOST_CHARACTERS).strip(), str(path)), path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise KeyUnusable(
            f"{path} cannot be read ({error}): delete it to get a new key."
        ) from error
    text = base64.b64encode(secrets.token_bytes(_DRAWN_BYTES)).decode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
        Path(fresh).replace(path)
    except OSError as error:
        why = f"{path} cannot be written ({error.strerror}): pass another --data folder."
        raise KeyUnusable(why) from error
    return Key(text, path)
