"""What the control plane costs: metered operations times dated prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pydantic import Field

from pipeline.domain.definitions.types import Strict

MILLION = 1_000_000  # items
INSTANCE_MB = 2048  # of a function instance, as `infra/` deploys it
EXECUTION_SECONDS = 1.0  # the least that an execution is billed for; the engine's take less
GB_SECONDS = EXECUTION_SECONDS * INSTANCE_MB / 1024
_FRESH = timedelta(days=180)
# The naive design: for each item one message and one invocation at its start, and one at its end.
NAIVE = {
    "event-grid-operation": 2.0,  # delivered; each blob that is written is published, too
    "queue-operation": 6.0,
    "table-operation": 4.0,
    "function-execution": 2.0,
    "function-gb-second": 2.0 * GB_SECONDS,
}


class Meter(Strict):
    """A price, its source, and how certain it is."""

    price: float = Field(ge=0)
    per: int = Field(gt=0)
    unit: str
    free: float = Field(default=0, ge=0)  # per month, shared with all else in the subscription
    source: str
    date: date
    confidence: Literal["documented", "quoted", "weak"]


class Prices(Strict):
    """The price file."""

    currency: str
    meters: dict[str, Meter]

    def of(self, meter: str, amount: float) -> float:
        """Return the cost of an amount of a meter."""
        found = self.meters[meter]
        return amount * found.price / found.per

    def beyond_free(self, meter: str, amount: float) -> float:
        """Return the cost of a month's amount, less the free grant of the subscription."""
        return self.of(meter, max(0.0, amount - self.meters[meter].free))

    def old(self, today: date) -> list[str]:
        """Name the meters whose price may have changed since it was noted, oldest first."""
        aged = [(meter.date, name) for name, meter in self.meters.items()]
        return [name for noted, name in sorted(aged) if today - noted > _FRESH]


class Sample(Strict):
    """The operations of one run in memory, by meter."""

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
        for meter, amount in many.operations.items():
            a_task = (amount - few.operations[meter]) / (many.tasks - few.tasks)
            more = large.operations[meter] - few.operations[meter]
            an_item = (more - a_task * (large.tasks - few.tasks)) / (large.items - few.items)
            a_run = few.operations[meter] - a_task * few.tasks - an_item * few.items
            estimate[meter] = max(0.0, a_run + a_task * tasks + an_item * items)
        return estimate


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    amount: float
    cost: float
    meter: str = ""


def bill(operations: Mapping[str, float], prices: Prices) -> list[Line]:
    """Price operations, in the order of the price file; free grants are not deducted."""
    return [
        Line(meter, operations[meter], prices.of(meter, operations[meter]), meter)
        for meter in prices.meters
        if operations.get(meter)
    ]


def naive(measured: Metered, items: int) -> dict[str, float]:
    """Estimate the naive design's operations; for blobs, the engine's at one item per task."""
    ours = measured.of(items, items)
    asked = {meter: amount * items for meter, amount in NAIVE.items()}
    asked["event-grid-operation"] += ours["blob-write"]
    return {**asked, "blob-read": ours["blob-read"], "blob-write": ours["blob-write"]}


def alone(prices: Prices, tasks: int) -> float:
    """Return the extra cost if receipts arrive one by one and each starts an invocation."""
    executions = prices.of("function-execution", tasks)
    return executions + prices.of("function-gb-second", tasks * GB_SECONDS)


def total(lines: list[Line]) -> float:
    """Add up a bill."""
    return sum(line.cost for line in lines)
