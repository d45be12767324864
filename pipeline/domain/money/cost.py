"""What the control plane costs: metered operations times dated prices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from pipeline.domain.definitions.types import Strict
from pipeline.domain.money.prices import Prices, Range, exactly

MILLION = 1_000_000  # items
INSTANCE_MB = 2048  # of a function instance, as `infra/` deploys it
EXECUTION_SECONDS = 1.0  # the least that an execution is billed for; the engine's take less
GB_SECONDS = EXECUTION_SECONDS * INSTANCE_MB / 1024
KB_A_GB = 1_000_000
POLLS_A_MINUTE = 30  # of an instance with nothing to do: `maxPollingInterval` of host.json
# What a run is counted by, in the order of a bill: its line, and the meter by which it is paid.
COUNTED = {
    "blob-created": ("Event Grid: blobs written", "event-grid-operation"),
    "event-delivered": ("Event Grid: deliveries", "event-grid-operation"),
    "function-gb-second": ("functions: GB-seconds", "function-gb-second"),
    "function-execution": ("functions: executions", "function-execution"),
    "table-operation": ("table operations", "table-operation"),
    "queue-operation": ("queue operations", "queue-operation"),
    "blob-read": ("blob reads", "blob-read"),
    "blob-write": ("blob writes", "blob-write"),
}
# The naive design: for each item one message and one invocation at its start, and one at its end.
NAIVE = {
    "event-delivered": 2.0,  # each blob that is written is published, too
    "queue-operation": 6.0,
    "table-operation": 4.0,
    "function-execution": 2.0,
    "function-gb-second": 2.0 * GB_SECONDS,
}


class Sample(Strict):
    """What one run in memory asked of the services, by kind of operation."""

    items: int
    tasks: int
    operations: dict[str, float]


class Metered(Strict):
    """Three measured runs, and the command that measured them."""

    date: date
    command: str
    samples: tuple[Sample, Sample, Sample]
    idle_minute: dict[str, float]

    def of(self, items: int, tasks: int) -> dict[str, float]:
        """Estimate the operations of a run: a part for the run, one per task, one per item.

        The first two samples differ only in tasks; the last two have as many items per task.
        """
        many, few, large = self.samples
        estimate = {}
        for kind, amount in many.operations.items():
            a_task = (amount - few.operations[kind]) / (many.tasks - few.tasks)
            more = large.operations[kind] - few.operations[kind]
            an_item = (more - a_task * (large.tasks - few.tasks)) / (large.items - few.items)
            a_run = few.operations[kind] - a_task * few.tasks - an_item * few.items
            estimate[kind] = max(0.0, a_run + a_task * tasks + an_item * items)
        return estimate


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    amount: Range
    cost: Range
    meter: str


def run_bill(counted: Mapping[str, float], tasks: int, prices: Prices) -> list[Line]:
    """Price a run of so many tasks; free grants are not deducted.

    Its low end is what was counted. Its high end adds what receipts that come one by one and
    deletions add, and has the highest prices.
    """
    lone, deleted = prices.assumed("lone-receipts"), prices.assumed("deletion-events")
    more = {
        "function-execution": lone * tasks,
        "function-gb-second": lone * (tasks * GB_SECONDS),
    }
    amounts = {kind: exactly(counted[kind]) + more.get(kind, exactly(0)) for kind in COUNTED}
    created, executions = counted["blob-created"], amounts["function-execution"]
    return [
        *bill(amounts, prices),
        line(prices, "Event Grid: blobs deleted", deleted * created, "event-grid-operation"),
        *_hosts(prices),
        line(prices, "logs, GB", logs(prices, counted["log-record"], executions), "log-gb"),
    ]


def bill(amounts: Mapping[str, Range], prices: Prices) -> list[Line]:
    """Price what was counted, by kind of operation; free grants are not deducted."""
    return [
        line(prices, what, amounts[kind], meter)
        for kind, (what, meter) in COUNTED.items()
        if kind in amounts
    ]


def logs(prices: Prices, records: float, executions: Range) -> Range:
    """Return the GB of logs that so many records of the engine and executions make."""
    around = executions * prices.assumed("execution-records")
    return (exactly(records) + around) * prices.assumed("record-kb") * (1 / KB_A_GB)


def naive(measured: Metered, items: int) -> dict[str, Range]:
    """Estimate the naive design's operations; for blobs, the engine's at one item per task."""
    ours = measured.of(items, items)
    asked = {kind: exactly(amount * items) for kind, amount in NAIVE.items()}
    return asked | {
        kind: exactly(ours[kind]) for kind in ("blob-created", "blob-read", "blob-write")
    }


def total(lines: Iterable[Line]) -> Range:
    """Add up a bill."""
    return sum((each.cost for each in lines), exactly(0))


def line(prices: Prices, what: str, amount: Range, meter: str) -> Line:
    """Price an amount."""
    return Line(what, amount, prices.of(meter, amount), meter)


def _hosts(prices: Prices) -> list[Line]:
    """Price the instances of a run: their starts and locks, and their polls of empty queues."""
    instances, lived = prices.assumed("instances"), prices.assumed("instance-minutes")
    locks = prices.assumed("start-operations") + lived * prices.assumed("leases")
    polls = instances * lived * POLLS_A_MINUTE
    return [
        line(prices, "hosts: starts, locks", instances * locks, "blob-other"),
        line(prices, "hosts: polls of queues", polls, "queue-operation"),
    ]
