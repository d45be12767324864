"""What `fanfare doctor` finds: pure judgements of readings, each with the command that mends it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

_SKEW_NOTED, _SKEW_REFUSED = timedelta(seconds=5), timedelta(minutes=5)
_NO_LOGIN = ("CredentialUnavailableError", "ClientAuthenticationError")
SYSTEM_TOPIC = "fanfare-storage"  # as infra/event-subscriptions.json names it
_QUEUE_OLD = timedelta(minutes=15)


class Level(StrEnum):
    """How a check ended; `AZURE` could not be asked, since only Azure answers it."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"
    UNREACHABLE = "unreachable"
    AZURE = "only in Azure"


@dataclass(frozen=True)
class Finding:
    """What a check found, why that matters, and the command that mends it."""

    check: str
    level: Level
    what: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Deployment:
    """The names of a deployment's resources; all empty for a local stack."""

    subscription: str = ""
    group: str = ""
    batch: str = ""
    storage: str = ""
    app: str = ""
    location: str = ""
    node_identity: str = ""

    @property
    def managed(self) -> bool:
        """Whether there is a management plane to ask."""
        return bool(self.subscription and self.group)

    @property
    def provision(self) -> str:
        """The command that makes what is missing."""
        return "azd provision" if self.managed else "fanfare up"

    @property
    def batch_login(self) -> str:
        """The command that tells the Azure CLI which Batch account its data plane commands mean."""
        return f"az batch account login -n {self.batch} -g {self.group}"


@dataclass(frozen=True)
class QueueReading:
    """How many messages a queue holds, about, and how old the first visible one is."""

    name: str
    messages: int
    oldest: timedelta | None = None


def refusal(check: str, status: int | None, said: str, where: Deployment) -> Finding:
    """Judge a call that failed by its HTTP status; None means that there was no answer."""
    if status in (401, 403):
        return Finding(
            check,
            Level.FAULT,
            said,
            "a role is missing (a new one takes some minutes to spread), or a firewall refuses you",
            f"az role assignment list --resource-group {where.group} --include-inherited -o table; "
            "azd provision"
            if where.managed
            else "fanfare up",
        )
    if any(word in said for word in _NO_LOGIN):
        why = "without a login you get no token"
        return Finding(check, Level.FAULT, said, why, "az login")
    if status is None:
        why = "nothing works without it: wrong name, no network, or a private deployment seen from "
        return Finding(check, Level.UNREACHABLE, said, why + "outside", where.provision)
    return Finding(check, Level.FAULT, said, "the service answers otherwise than it should", "")


def missing(kind: str, needed: Collection[str], there: Collection[str], mend: str) -> Finding:
    """Judge whether everything that the engine uses exists."""
    gone = sorted(set(needed) - set(there))
    if not gone:
        return Finding(kind, Level.OK, f"all {len(needed)} are there")
    why = "the engine writes to them and reads from them"
    return Finding(kind, Level.FAULT, f"missing: {', '.join(gone)}", why, mend)


def clock(skew: timedelta) -> Finding:
    """Judge how far this clock is from the service's."""
    seconds = skew.total_seconds()
    what = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} Storage"
    if abs(skew) >= _SKEW_REFUSED:
        why = "services refuse requests and tokens of another time"
        return Finding("clock", Level.FAULT, what, why, "sudo timedatectl set-ntp true")
    if abs(skew) >= _SKEW_NOTED:
        why = "times that you are shown are off by it"
        return Finding("clock", Level.NOTE, what, why, "sudo timedatectl set-ntp true")
    return Finding("clock", Level.OK, "agrees with Storage's within seconds")


def queue(reading: QueueReading, where: Deployment) -> Finding | None:
    """Judge one queue; None when there is nothing to say."""
    poison = reading.name.endswith("-poison")
    if poison and reading.messages:
        return Finding(
            "queues",
            Level.FAULT,
            f"{reading.name}: about {reading.messages} messages given up on",
            "their run ended as failed, or an event was none of ours",
            _peek(reading.name, where),
        )
    if reading.oldest is not None and reading.oldest > _QUEUE_OLD:
        minutes = int(reading.oldest.total_seconds() // 60)
        return Finding(
            "queues",
            Level.FAULT,
            f"{reading.name}: about {reading.messages} messages, the oldest {minutes} minutes old",
            "nobody takes them: the function app does not run, or cannot read the queue",
            f"az functionapp restart -g {where.group} -n {where.app}"
            if where.managed
            else "fanfare up",
        )
    return None


def queues(readings: Iterable[QueueReading], where: Deployment) -> list[Finding]:
    """Judge all queues."""
    held = list(readings)
    found = [finding for reading in held if (finding := queue(reading, where))]
    total = sum(reading.messages for reading in held)
    return found or [
        Finding("queues", Level.OK, f"about {total} messages, none old, none given up")
    ]


def _peek(name: str, where: Deployment) -> str:
    if not where.managed:
        return "fanfare ls"
    return (
        f"az storage message peek -q {name} --num-messages 32 "
        f"--account-name {where.storage} --auth-mode login"
    )


class DamagedRow(Protocol):
    """A row of the ledger that cannot be read, and what its reader says."""

    @property
    def table(self) -> str: ...  # noqa: D102 the fields of `ledger.rows.Unreadable`
    @property
    def partition(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102


def damaged_row(row: DamagedRow, where: Deployment) -> Finding:
    """Judge a run whose row cannot be read."""
    what = f"the row {row.key!a} of partition {row.partition!a} in table {row.table} is damaged"
    mend = (
        f"az storage entity show -t {row.table} --partition-key {row.partition} "
        f"--row-key {row.key} --account-name {where.storage} --auth-mode login"
        if where.managed
        else ""
    )
    return Finding("runs", Level.FAULT, what, "every list passes its run over", mend)


def dead_letters(count: int, more: bool, where: Deployment) -> Finding:
    """Judge what Event Grid could not deliver."""
    if not count:
        return Finding("dead-letter", Level.OK, "empty")
    return Finding(
        "dead-letter",
        Level.NOTE,
        f"{count}{' or more' if more else ''} events that Event Grid could not deliver",
        "a firewall or a missing role keeps Event Grid from the queue; the sweep starts their runs",
        f"az storage blob list -c dead-letter --account-name {where.storage} --auth-mode login"
        if where.managed
        else "fanfare ls",
    )


def overdue(event: Mapping[str, object], now: datetime, patience: timedelta) -> bool:
    """Tell whether a completion event has waited too long; one without a time has."""
    try:
        return now - datetime.fromisoformat(str(event.get("time"))) > patience
    except (ValueError, TypeError):
        return True


def exit_level(found: Iterable[Finding]) -> Level:
    """Return the gravest level: what cannot be reached before what is wrong."""
    levels = {finding.level for finding in found}
    grave = (Level.UNREACHABLE, Level.FAULT, Level.NOTE)
    return next((level for level in grave if level in levels), Level.OK)
