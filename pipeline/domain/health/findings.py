"""What `fanfare doctor` finds: pure judgements of readings, each with the command that fixes it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.waiting.remedies import BETWEEN, BY_HAND, PROVISION, PROVISION_GPUS

_SKEW_NOTED, _SKEW_REFUSED = timedelta(seconds=5), timedelta(minutes=5)
_NO_LOGIN = ("CredentialUnavailableError", "ClientAuthenticationError")
SYSTEM_TOPIC = "fanfare-storage"  # as infra/event-subscriptions.json names it
_QUEUE_OLD = timedelta(minutes=15)
_TIMER_OLD = timedelta(minutes=3)
REBUILD_LEDGER = "fanfare ledger rebuild --yes"
_LESS_IS_KNOWN = "runs may not end, and a redrive would execute more than what failed"
_SET_CLOCK = f"{BY_HAND}set the clock of this machine, such as by: sudo timedatectl set-ntp true"


class Level(StrEnum):
    """How a check ended; `AZURE` was skipped, because only Azure can answer it."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"
    UNREACHABLE = "unreachable"
    AZURE = "only in Azure"


@dataclass(frozen=True)
class Finding:
    """What a check found, why that matters, and the command that fixes it."""

    check: str
    level: Level
    what: str
    why: str = ""
    mend: str = ""


@dataclass(frozen=True)
class Deployment:
    """The names of a deployment's resources; all empty for a local stack.

    `named` means that it is neither: only its endpoints are known.
    """

    subscription: str = ""
    group: str = ""
    batch: str = ""
    storage: str = ""
    app: str = ""
    location: str = ""
    node_identity: str = ""
    topic: str = field(default="", kw_only=True)
    named: bool = field(default=False, kw_only=True)
    without: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Pools that it was told not to make."""

    @property
    def managed(self) -> bool:
        """Whether the deployment has a management plane that can be asked."""
        return bool(self.subscription and self.group)

    @property
    def provision(self) -> str:
        """The command that creates what is missing."""
        if self.named:
            return f"{BY_HAND}compare the endpoints in the env file with those of the deployment"
        return PROVISION if self.managed else "fanfare up"

    def provision_of(self, pool: Pool) -> str:
        """Return the command that creates a pool that is missing."""
        if self.managed and pool.name in self.without:
            rest = ",".join(sorted(self.without - {pool.name}))
            asked = PROVISION_GPUS if pool.devices else PROVISION
            return f'azd env set FANFARE_WITHOUT_POOLS "{rest}"{BETWEEN}{asked}'
        return PROVISION_GPUS if self.managed and pool.devices else self.provision

    @property
    def batch_login(self) -> str:
        """The command that selects the Batch account for the Azure CLI's data plane commands."""
        return f"az batch account login -n {self.batch} -g {self.group}"


@dataclass(frozen=True)
class QueueReading:
    """The approximate number of messages in a queue, and the age of the first visible one."""

    name: str
    messages: int
    oldest: timedelta | None = None


def refusal(check: str, status: int | None, said: str, where: Deployment) -> Finding:
    """Judge a failed call by its HTTP status; None means that there was no answer."""
    if status in (401, 403):
        return Finding(
            check,
            Level.FAULT,
            said,
            "a role is missing (a new one takes some minutes to work), or a firewall refuses you",
            f"az role assignment list --resource-group {where.group} --include-inherited -o table; "
            "azd provision"
            if where.managed
            else where.provision,
        )
    if any(word in said for word in _NO_LOGIN):
        why = "without a login, Azure gives you no token"
        return Finding(check, Level.FAULT, said, why, "az login")
    if status is None:
        why = (
            "nothing works without it; the name may be wrong, the network may be down, or the "
            "deployment is private and you are outside its network"
        )
        return Finding(check, Level.UNREACHABLE, said, why, where.provision)
    return Finding(check, Level.FAULT, said, "the service gives an unexpected answer")


def missing(kind: str, needed: Collection[str], there: Collection[str], mend: str) -> Finding:
    """Judge whether everything that the engine uses exists."""
    gone = sorted(set(needed) - set(there))
    if not gone:
        return Finding(kind, Level.OK, f"all {len(needed)} exist")
    why = "the engine writes to them and reads from them"
    return Finding(kind, Level.FAULT, f"missing: {', '.join(gone)}", why, mend)


def clock(skew: timedelta) -> Finding:
    """Judge how far this machine's clock is from Storage's."""
    seconds = skew.total_seconds()
    what = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} Storage"
    if abs(skew) >= _SKEW_REFUSED:
        why = "services refuse requests and tokens whose time is wrong"
        return Finding("clock", Level.FAULT, what, why, _SET_CLOCK)
    if abs(skew) >= _SKEW_NOTED:
        why = "the times that you see are wrong by as much"
        return Finding("clock", Level.NOTE, what, why, _SET_CLOCK)
    return Finding("clock", Level.OK, "agrees with Storage's clock within seconds")


def queue(reading: QueueReading, where: Deployment) -> Finding | None:
    """Judge one queue; None means that it is healthy."""
    poison = reading.name.endswith("-poison")
    if poison and reading.messages:
        return Finding(
            "queues",
            Level.FAULT,
            f"{reading.name}: about {reading.messages} messages reached the retry limit",
            "their runs ended as failed, or the engine did not recognise the messages",
            _peek(reading.name, where),
        )
    if reading.oldest is not None and reading.oldest > _QUEUE_OLD:
        minutes = int(reading.oldest.total_seconds() // 60)
        return Finding(
            "queues",
            Level.FAULT,
            f"{reading.name}: about {reading.messages} messages, the oldest {minutes} minutes old",
            "nobody reads them: the function app does not run, or cannot read the queue",
            f"az functionapp restart -g {where.group} -n {where.app}"
            if where.managed
            else where.provision,
        )
    return None


def queues(readings: Iterable[QueueReading], where: Deployment) -> list[Finding]:
    """Judge all queues."""
    held = list(readings)
    found = [finding for reading in held if (finding := queue(reading, where))]
    total = sum(reading.messages for reading in held)
    return found or [
        Finding("queues", Level.OK, f"about {total} messages, none old, none in a poison queue")
    ]


def _peek(name: str, where: Deployment) -> str:
    if not where.managed:
        return where.provision  # its reader takes them, as soon as it works
    return (
        f"az storage message peek -q {name} --num-messages 32 "
        f"--account-name {where.storage} --auth-mode login"
    )


def timer(last: datetime | None, own: datetime | None, now: datetime, where: Deployment) -> Finding:
    """Judge the minute timer by the last tick of all, and by the last one that was its own."""
    if own is not None and now - own <= _TIMER_OLD:
        seconds = max(0, int((now - own).total_seconds()))
        return Finding("timer", Level.OK, f"ticked {seconds} s ago")
    since = f"since {own:%F %T} UTC" if own else "at all"
    what = f"the minute timer has not ticked {since}"
    mend = (
        f"az functionapp restart -g {where.group} -n {where.app}"
        if where.managed
        else where.provision
    )
    if last is not None and now - last <= _TIMER_OLD:
        why = (
            "other functions do its work when they are called; while nobody calls one, schedules "
            "do not start and lost messages are not found"
        )
        return Finding("timer", Level.NOTE, what, why, mend)
    why = "schedules do not start, and lost messages are not found: the app does not run, or its "
    return Finding("timer", Level.FAULT, what, f"{why}timer has stopped", mend)


class DamagedRow(Protocol):
    """The name of a row of the ledger that cannot be read."""

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
        else f"{BY_HAND}restore the row, or delete it"
    )
    return Finding("runs", Level.FAULT, what, "lists leave its run out", mend)


def mend_of_tables(where: Deployment) -> str:
    """Return the commands that create tables, and put back what was in them."""
    return where.provision if where.named else f"{where.provision}; {REBUILD_LEDGER}"


def lost_tables(tables: Collection[str]) -> Finding:
    """Judge whether the ledger has the rows that others and backups tell of."""
    if not tables:
        return Finding("ledger", Level.OK, "has the rows of the latest runs")
    what = f"rows are gone from: {', '.join(tables)}"
    why = "an input could run twice, so no run starts" if "runs" in tables else _LESS_IS_KNOWN
    return Finding("ledger", Level.FAULT, what, why, REBUILD_LEDGER)


def dead_letters(count: int, more: bool, where: Deployment) -> Finding:
    """Judge the events that Event Grid could not deliver."""
    if not count:
        return Finding("dead-letter", Level.OK, "empty")
    return Finding(
        "dead-letter",
        Level.NOTE,
        f"{count}{' or more' if more else ''} events that Event Grid could not deliver",
        "of uploads: a firewall or a missing role keeps Event Grid from the queue, and the sweep "
        "starts their runs; of completions: a subscriber did not take them",
        f"az storage blob list -c dead-letter --account-name {where.storage} --auth-mode login"
        if where.managed
        else f"{BY_HAND}read the blobs of the container dead-letter, and delete them",
    )


def overdue(event: Mapping[str, object], now: datetime, patience: timedelta) -> bool:
    """Return whether a completion event is overdue; an event without a time always is."""
    try:
        return now - datetime.fromisoformat(str(event.get("time"))) > patience
    except (ValueError, TypeError):
        return True


def exit_level(found: Iterable[Finding]) -> Level:
    """Return the most serious level: unreachable, then fault, then note."""
    levels = {finding.level for finding in found}
    grave = (Level.UNREACHABLE, Level.FAULT, Level.NOTE)
    return next((level for level in grave if level in levels), Level.OK)
