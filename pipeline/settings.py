"""The app's settings: the only place that names environment variables.

A connection string and keys mean the local mode. Without them the app uses its managed identity
(in Azure) or the user's own login (command line).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pipeline.errors import Permanent

_AUTHORITY = "https://login.microsoftonline.com"
_VAULTS = "vault.azure.net"
_HOST = Path(__file__).resolve().parent.parent / "host.json"
_MOST_DAYS = 18_250  # no time before 1970 is compared
_LATEST_EVENT = timedelta(days=7)  # the longest that a queue keeps a message by default
SECRETS_FILE = "secrets.local.yaml"  # of a local stack; git and the function package leave it out


class SettingMissing(Permanent):
    """A setting that the app needs is not set."""


class Pin(StrEnum):
    """How the version of a blob is kept for a run."""

    SNAPSHOT = "snapshot"
    COPY = "copy"


@dataclass(frozen=True)
class Patience:
    """How long the engine waits before it suspects a loss; settings FANFARE_PATIENCE_{FIELD}_S."""

    stale: timedelta = timedelta(minutes=12)  # a killed instance hides its message for ten
    receipt: timedelta = timedelta(minutes=2)  # a task completed in Batch, its receipt is not here
    upload: timedelta = timedelta(minutes=10)  # an output that a receipt names is not there yet
    lost_event: timedelta = timedelta(minutes=15)  # a blob without a run
    push: timedelta = timedelta(seconds=30)  # between two formulas of one pool
    preparation: timedelta = timedelta(minutes=3)  # no node can be prepared: take another job
    pool: timedelta = timedelta(minutes=30)  # no node of the pool works: end the run
    demand: timedelta = timedelta(minutes=15)  # until a pushed demand expires by itself
    reap: timedelta = timedelta(days=1)  # until a completed job is deleted


@dataclass(frozen=True)
class Retention:
    """How long runs are kept after their end; settings FANFARE_KEEP_{FIELD}_DAYS.

    `parts` counts for plans, logs, receipts, results of tasks and pins of inputs, `runs` for what
    is left of a run then. Outputs and inputs are the user's: nothing deletes them.
    """

    parts: timedelta = timedelta(days=30)
    runs: timedelta = timedelta(days=90)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Retention":
        """Read the settings. Raises SettingMissing for days that could let an input run twice."""
        parts = _days(environ, "FANFARE_KEEP_PARTS_DAYS", cls.parts)
        runs = _days(environ, "FANFARE_KEEP_RUNS_DAYS", cls.runs)
        if runs < parts + _LATEST_EVENT:
            raise SettingMissing(
                f"FANFARE_KEEP_RUNS_DAYS ({runs.days}) must exceed FANFARE_KEEP_PARTS_DAYS "
                f"({parts.days}) by {_LATEST_EVENT.days} days or more: queues may hold a message "
                "for so long."
            )
        return cls(parts, runs)


@dataclass(frozen=True)
class HttpAccess:
    """How the HTTP functions identify callers: function keys locally, Entra tokens in Azure."""

    authority: str
    tenant: str
    client: str
    by_key: bool

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "HttpAccess":
        """Read the settings; only a local stack without tenant and client uses function keys."""
        tenant = environ.get("FANFARE_HTTP_TENANT_ID", "")
        client = environ.get("FANFARE_HTTP_CLIENT_ID", "")
        authority = environ.get("FANFARE_HTTP_AUTHORITY", "") or _AUTHORITY
        local = bool(environ.get("AzureWebJobsStorage"))
        return cls(authority.rstrip("/"), tenant, client, local and not (tenant or client))

    def check(self) -> None:
        """Raise SettingMissing unless the settings suffice to check tokens."""
        if not (self.tenant and self.client):
            raise SettingMissing(
                "The HTTP functions are closed: set FANFARE_HTTP_TENANT_ID and "
                "FANFARE_HTTP_CLIENT_ID to the tenant and the client id of the app registration "
                "for which callers get tokens."
            )
        if not self.authority.startswith(("https://", "http://127.0.0.1:")):
            raise SettingMissing("FANFARE_HTTP_AUTHORITY must be an https:// URL.")


@dataclass(frozen=True)
class Settings:
    """All settings that the app reads from its environment."""

    definitions: Path
    storage_connection: str
    blob_uri: str
    queue_uri: str
    table_uri: str
    batch_endpoint: str
    batch_account: str
    batch_key: str
    topic_endpoint: str
    topic_key: str
    client_id: str
    node_identity: str
    otlp_endpoint: str
    insights_connection: str
    registry_logins: tuple[Path, ...]
    vault_domain: str
    patience: Patience
    retention: Retention
    gpu_optional: bool
    time_limit: timedelta
    pin: Pin
    reload: bool

    @property
    def secrets_file(self) -> Path:
        """The file with the secrets of a local stack, beside the definitions."""
        return self.definitions / SECRETS_FILE

    @property
    def local(self) -> bool:
        """Whether the services are those of a local stack; only they use keys."""
        return bool(self.storage_connection)

    @classmethod
    def from_env(cls, environ: Mapping[str, str], app_root: Path) -> "Settings":
        """Read the settings. Raises SettingMissing, which names what to set."""
        connection = environ.get("AzureWebJobsStorage", "")

        def service_uri(kind: str) -> str:
            return "" if connection else _need(environ, f"AzureWebJobsStorage__{kind}ServiceUri")

        return cls(
            definitions=Path(environ.get("FANFARE_DEFINITIONS") or app_root),
            storage_connection=connection,
            blob_uri=service_uri("blob"),
            queue_uri=service_uri("queue"),
            table_uri=service_uri("table"),
            batch_endpoint=_need(environ, "FANFARE_BATCH_ENDPOINT"),
            batch_account=environ.get("FANFARE_BATCH_ACCOUNT", ""),
            batch_key=environ.get("FANFARE_BATCH_KEY", ""),
            topic_endpoint=_need(environ, "FANFARE_TOPIC_ENDPOINT"),
            topic_key=environ.get("FANFARE_TOPIC_KEY", ""),
            client_id=environ.get("AZURE_CLIENT_ID", ""),
            node_identity=_need(environ, "FANFARE_NODE_IDENTITY"),
            otlp_endpoint=environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            insights_connection=environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", ""),
            registry_logins=_registry_logins(environ),
            vault_domain=(environ.get("FANFARE_VAULT_DOMAIN", "") or _VAULTS).lstrip("."),
            patience=_patience(environ),
            retention=Retention.from_env(environ),
            gpu_optional=_gpu_optional(environ),
            time_limit=_time_limit(environ),
            pin=_pin(environ),
            reload=_switch(environ, "FANFARE_RELOAD"),
        )


def _need(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingMissing(
            f"The setting {name} is missing. Locally `fanfare up` sets it, "
            "in Azure `azd provision` does."
        )
    return value


def _gpu_optional(environ: Mapping[str, str]) -> bool:
    """Return whether a task that asks for a GPU may run without one, as on the local stack."""
    choice = environ.get("FANFARE_MISSING_GPU", "") or "fail"
    if choice not in {"fail", "cpu"}:
        raise SettingMissing(f"FANFARE_MISSING_GPU must be fail or cpu, not {choice[:40]!a}.")
    return choice == "cpu"


def _time_limit(environ: Mapping[str, str]) -> timedelta:
    """Return after which time the host kills an invocation: `functionTimeout` of host.json."""
    if given := environ.get("FANFARE_TIME_LIMIT_S", ""):
        return timedelta(seconds=float(given))
    host = json.loads(_HOST.read_text("utf-8"))
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _switch(environ: Mapping[str, str], name: str) -> bool:
    choice = environ.get(name, "") or "false"
    if choice not in {"true", "false"}:
        raise SettingMissing(f"{name} must be true or false, not {choice[:40]!a}.")
    return choice == "true"


def _pin(environ: Mapping[str, str]) -> Pin:
    choice = environ.get("FANFARE_PIN", "") or Pin.SNAPSHOT
    if choice not in set(Pin):
        raise SettingMissing(f"FANFARE_PIN must be {' or '.join(Pin)}, not {choice[:40]!a}.")
    return Pin(choice)


def _days(environ: Mapping[str, str], name: str, default: timedelta) -> timedelta:
    text = environ.get(name, "") or str(default.days)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= _MOST_DAYS):
        raise SettingMissing(f"{name} must be a whole number of days, 1 to {_MOST_DAYS:,}.")
    return timedelta(days=int(text))


def _registry_logins(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where `podman login` and `docker login` keep what they know, latest choice first."""
    home = environ.get("HOME", "/root")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    docker = environ.get("DOCKER_CONFIG") or f"{home}/.docker"
    places = [
        environ.get("REGISTRY_AUTH_FILE", ""),
        f"{runtime}/containers/auth.json" if runtime else "",
        f"{docker}/config.json",
    ]
    return tuple(Path(place) for place in places if place)


def _patience(environ: Mapping[str, str]) -> Patience:
    seconds = {
        field.name: timedelta(seconds=float(environ[name]))
        for field in fields(Patience)
        if (name := f"FANFARE_PATIENCE_{field.name.upper()}_S") in environ
    }
    return Patience(**seconds)
