"""The settings of a pool as clients see them: defaults filled in, passwords removed."""

from collections.abc import Callable, Mapping
from typing import Any

from emulators.batch.document import Doc

_USER: Doc = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
_DISK: Doc = {"caching": "none", "storageAccountType": "standard_lrs"}
# Secrets that open something; the service shows them to nobody.
_SECRET = frozenset({"password", "sshPrivateKey", "accountKey", "sasKey", "protectedSettings"})


def shown_settings(spec: Doc) -> Doc:
    """Return the settings that a client gave, as the service shows them."""
    return {name: _PARTS[name](value) if name in _PARTS else value for name, value in spec.items()}


def shown_start_task(given: Doc) -> Doc:
    """Return a start task with its defaults."""
    defaults = {"userIdentity": _USER, "maxTaskRetryCount": 0, "waitForSuccess": True}
    return {**defaults, **_open(given)}


def _machine(given: Doc) -> Doc:
    shown: Doc = _open(given)
    if "publisher" in shown.get("imageReference", {}):
        shown["imageReference"] = {"version": "latest", **shown["imageReference"]}
    if "dataDisks" in shown:
        shown["dataDisks"] = [{**_DISK, **disk} for disk in shown["dataDisks"]]
    return shown


def _accounts(given: list[Doc]) -> list[Doc]:
    return [{"elevationLevel": "nonadmin", **_open(one)} for one in given]


def _open(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _open(part) for name, part in value.items() if name not in _SECRET}
    return [_open(part) for part in value] if isinstance(value, list) else value


_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "vmSize": str.lower,
    "startTask": shown_start_task,
    "userAccounts": _accounts,
    "virtualMachineConfiguration": _machine,
    "mountConfiguration": _open,
}
