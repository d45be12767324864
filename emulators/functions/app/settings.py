"""App settings: `%NAME%` expansion, storage connections, and which functions are disabled."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulators.functions.errors import StartError

_SHORTEST_SECRET = 16
_PERCENT = re.compile(r"%([^%\s]+)%")


@dataclass(frozen=True)
class ByIdentity:
    """A connection without a secret: a managed identity opens the queues of an account."""

    endpoint: str
    client_id: str


def read_settings(path: Path | None) -> dict[str, str]:
    """Read a file in the form of local.settings.json; without a file there are no settings."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StartError(f"The settings file {path} cannot be read: {error}") from error
    values = document.get("Values") if isinstance(document, dict) else None
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise StartError(
            f'The settings file {path} must look like {{"Values": {{"NAME": "text"}}}}.'
        )
    return values


class AppSettings:
    """Finds settings as the host does: names regardless of case, and `:` equal to `__`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._folded = {_fold(name): value for name, value in values.items()}

    def get(self, name: str) -> str | None:
        """Return a setting, or None."""
        return self._folded.get(_fold(name))

    def expand(self, text: str) -> str:
        """Replace each `%NAME%`; raises LookupError that names a missing setting."""

        def replacement(match: re.Match[str]) -> str:
            value = self.get(match[1])
            if value is None:
                raise LookupError(f"%{match[1]}% is not an app setting")
            return value

        return _PERCENT.sub(replacement, text)

    def is_disabled(self, function: str) -> bool:
        """Tell whether `AzureWebJobs.NAME.Disabled` disables a function."""
        forms = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
        return any((self.get(form) or "").lower() in {"1", "true"} for form in forms)

    def zone(self) -> ZoneInfo:
        """Return the zone of schedules: UTC, or what `TZ` names; raises StartError."""
        name = self.get("TZ") or "UTC"
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise StartError(f"The setting TZ is {name!r}, which is not a time zone.") from error

    def queue_connection(self, connection: str) -> str | ByIdentity:
        """Resolve a `connection` to a connection string or an identity; raises LookupError."""
        for name in (f"AzureWebJobs{connection}", connection):
            value = self.get(name)
            if value:
                return value
            uri = self.get(f"{name}__queueServiceUri")
            if uri:
                return self._from_uri(name, uri)
            if self.get(f"{name}__accountName"):
                raise LookupError(
                    f"{name}__accountName means the cloud; "
                    f"use a connection string or {name}__queueServiceUri here"
                )
        raise LookupError(
            f"no setting AzureWebJobs{connection}, {connection} or {connection}__queueServiceUri"
        )

    def _from_uri(self, name: str, uri: str) -> str | ByIdentity:
        if (self.get(f"{name}__credential") or "").lower() == "managedidentity":
            return ByIdentity(uri, self.get(f"{name}__clientId") or "")
        parts = urlsplit(uri)
        if parts.query:
            endpoint = uri.split("?", 1)[0]
            return f"QueueEndpoint={endpoint};SharedAccessSignature={parts.query}"
        account = parts.path.strip("/").split("/")[0] or (parts.hostname or "").split(".")[0]
        key = self.get(f"{name}__accountKey") or self._key_of(account)
        if key is None:
            raise LookupError(
                f"{name}__queueServiceUri names {account}, and no setting holds a key for it; "
                f"{name}__credential=managedidentity opens it without one"
            )
        identity = f"AccountName={account};AccountKey={key}"
        return f"DefaultEndpointsProtocol={parts.scheme};{identity};QueueEndpoint={uri}"

    def _key_of(self, account: str) -> str | None:
        for value in self.values.values():
            fields = connection_fields(value)
            if fields.get("AccountName") == account and "AccountKey" in fields:
                return fields["AccountKey"]
        return None

    def secrets(self) -> frozenset[str]:
        """Return the account keys among the settings, so that logs can hide them."""
        keys = {connection_fields(value).get("AccountKey", "") for value in self.values.values()}
        keys |= {value for name, value in self.values.items() if name.lower().endswith("key")}
        return frozenset(key for key in keys if len(key) >= _SHORTEST_SECRET)


def connection_fields(value: str) -> dict[str, str]:
    """Split a connection string into its fields; other text gives the fields that it happens to
    hold."""
    return dict(part.split("=", 1) for part in value.split(";") if "=" in part)


def _fold(name: str) -> str:
    return name.replace("__", ":").lower()
