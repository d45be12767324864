"""What the control plane costs: metered operations times dated prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from pipeline.domain.definitions.types import Strict

MILLION = 1_000_000  # items
INSTANCE_MB = 2048  # of a function instance, as `infra/` deploys it
EXECUTION_SECONDS = 1.0  # what an execution is billed for at least; ours take less
GB_SECONDS = EXECUTION_SECONDS * INSTANCE_MB / 1024
# One message and one invocation for each item, and one for its end: what such a design needs.
NAIVE = {
    "event-grid-operation": 4.0,
    "queue-operation": 6.0,
    "table-operation": 4.0,
    "function-execution": 2.0,
    "function-gb-second": 2.0 * GB_SECONDS,
}


class Meter(Strict):
    """A price, how sure it is, and where it is from."""

    price: float = Field(ge=0)
    per: int = Field(gt=0)
    unit: str
    free: float = Field(default=0, ge=0)  # of a month, shared with all else in the subscription
    source: str
    date: date
    confidence: Literal["documented", "quoted", "weak"]


class Prices(Strict):
    """The price file."""

    currency: str
    meters: dict[str, Meter]

    def of(self, meter: str, amount: float) -> float:
        """Return what an amount of a meter costs."""
        found = self.meters[meter]
        return amount * found.price / found.per

    def beyond_free(self, meter: str, amount: float) -> float:
        """Return what an amount costs a month in which nothing else used up the free grant."""
        return self.of(meter, max(0.0, amount - self.meters[meter].free))


class Sample(Strict):
    """What one run in memory asked of the services, by meter."""

    items: int
    tasks: int
    operations: dict[str, float]


class Metered(Strict):
    """Three measured runs, and by what they were measured."""

    date: date
    command: str
    samples: tuple[Sample, Sample, Sample]
    idle_minute: dict[str, float]

    def of(self, items: int, tasks: int) -> dict[str, float]:
        """Estimate the operations of a run: so much for it, for each task and for each item.

        The first two samples differ in tasks alone, the last two keep the share of tasks.
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
    """Estimate the naive design's operations; its blobs are taken to be ours at one item a task."""
    ours = measured.of(items, items)
    blobs = {meter: ours[meter] for meter in ("blob-read", "blob-write")}
    return {**{meter: amount * items for meter, amount in NAIVE.items()}, **blobs}


def alone(prices: Prices, tasks: int) -> float:
    """Return what it costs more when receipts come one by one, and each wakes an invocation."""
    executions = prices.of("function-execution", tasks)
    return executions + prices.of("function-gb-second", tasks * GB_SECONDS)


def total(lines: list[Line]) -> float:
    """Add up a bill."""
    return sum(line.cost for line in lines)
