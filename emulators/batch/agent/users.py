"""Chooses the user ids of this machine under which tasks run with `--users map`; it creates no
accounts."""

import zlib
from pathlib import Path

from emulators.batch.document import Doc

ROOT = 0
# Far from the ids of people, services and user namespaces.
_FIRST, _SPAN = 1_879_048_192, 1 << 20
GROUP = _FIRST - 1  # the primary group of all of them, as on a node


class UnknownUser(Exception):
    """The pool has no such user account."""


def check_user(identity: Doc, accounts: list[Doc]) -> Doc | None:
    """Return the user account that an identity names, or None for an auto user; raises
    UnknownUser."""
    name = identity.get("username")
    if not name:
        return None
    for account in accounts:
        if account.get("name") == name:
            return account
    raise UnknownUser(str(name))


def is_administrator(identity: Doc, accounts: list[Doc]) -> bool:
    """Tell whether an identity has an administrator's rights on its node."""
    account = check_user(identity, accounts)
    auto = identity.get("autoUser") or {}
    elevated = (account if account is not None else auto).get("elevationLevel") or "nonadmin"
    return str(elevated).lower() == "admin"


def user_id(identity: Doc, accounts: list[Doc], pool_id: str, directory: Path) -> int:
    """Return the numeric user id: root for an administrator, one id a directory for the task
    scope."""
    if is_administrator(identity, accounts):
        return ROOT
    account, auto = check_user(identity, accounts), identity.get("autoUser") or {}
    if account is not None:
        return _id(f"{pool_id.lower()}/user/{account['name']}")
    if str(auto.get("scope") or "pool").lower() == "task":
        return _id(f"{pool_id.lower()}/task/{directory}")
    return _id(f"{pool_id.lower()}/pool")


def group_of(user: int) -> int:
    """Return the primary group of a user: all but root share one."""
    return GROUP if user else ROOT


def _id(key: str) -> int:
    return _FIRST + zlib.crc32(key.encode()) % _SPAN
