"""A year of work: what ended runs leave does not grow, and no input runs twice."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.handlers.doors import timers
from pipeline.handlers.ending import steer
from pipeline.handlers.starting import lost_events
from pipeline.handlers.starting.start import start_for_blob, start_for_request
from pipeline.ledger import index
from pipeline.ledger.layout import TABLES
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BODY, LINES, PLAIN

OTHERS = {
    "after": f"trigger: {{run: {{pipeline: job, on: failed}}}}\n{BODY}{PLAIN}"
    "split: {lines: {}}",
    "daily": f'trigger: {{schedule: {{cron: "0 0 6 * * *"}}}}\n{BODY}{PLAIN}'
    "split: {range: {stop: 1, step: 1}}",
    "asked": f"trigger: {{http: true}}\n{BODY}{PLAIN}"
    "split: {blobs: {container: input, prefix: set/}}",
}
DAYS, SETTLED = 365, 130  # by then the first runs are forgotten
# The user's own: inputs and outputs. Everything else must not grow.
USERS = ("input", "output")


@dataclass
class Year:
    """An app that people use every day, and what happened to it."""

    app: FakeApp
    bad: bool = False
    events: list[str] = field(default_factory=list)
    sizes: dict[int, Counter] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    backfilled: list[str] = field(default_factory=list)

    def pass_day(self, day: int) -> None:
        self.bad = day % 9 == 0
        self._upload(day)
        self._request(day)
        self._again(day)
        self.app.settle()
        self._steer(day)
        for _ in range(2):
            self.app.world.clock.advance(hours=12)
            timers.every_hour(self.app.engine)
        timers.every_minute(self.app.engine)
        if day % 50 == 0:
            self._backfill()
        self.app.settle()
        if day % 5 == 0:
            self.sizes[day] = self.size()

    def _upload(self, day: int) -> None:
        name = f"lines/{day:03d}.txt"
        self.app.upload(name, f"one {day}\n".encode())
        blobs = self.app.world.blobs
        self.events.append(json.dumps(blobs.created_event(BlobRef("input", name))))

    def _request(self, day: int) -> None:
        pipeline = self.app.engine.catalogue.pipeline("asked")
        for _ in range(2):
            start_for_request(self.app.engine, pipeline, f"key {day}", None, {})

    def _again(self, day: int) -> None:
        """Let duplicate events of blobs come, young and old, and change metadata of old blobs."""
        for age in (0, 1, 29, 40, 89, 120, 300):
            if day >= age:
                self.app.world.queues.send("blob-events", self.events[day - age])
        for age in (20, 60, 200):
            if day >= age and day % 7 == 0:
                self.app.world.blobs.describe("input", f"lines/{day - age:03d}.txt", seen="yes")

    def _backfill(self) -> None:
        """Compare all blobs with runs, as `fanfare backfill` does, and start what has none."""
        pipeline = self.app.engine.catalogue.pipeline("job")
        ever = datetime.min.replace(tzinfo=UTC)
        for facts in lost_events.unclaimed(self.app.engine, pipeline, ever, self.app.engine.now):
            event = lost_events.event_of(self.app.engine, facts)
            self.backfilled.append(start_for_blob(self.app.engine, pipeline, event).run.id)

    def _steer(self, day: int) -> None:
        """Redrive what failed, and cancel a run each fortnight."""
        if self.bad:
            self.failed.append(self._run_of(f"lines/{day:03d}.txt"))
        self.bad = False
        if day % 18 == 0:
            steer.redrive(self.app.engine, self._run_of(f"lines/{day:03d}.txt"))
            self.app.settle()
        if day % 14 == 3:
            name = f"lines/cancelled-{day:03d}.txt"
            self.app.upload(name, b"one\n")
            self.app.pump()
            self.cancelled.append(self._run_of(name))
            steer.cancel(self.app.engine, self.cancelled[-1])
            self.app.settle()

    def _run_of(self, blob: str) -> str:
        (run,) = index.of_blob(self.app.world.tables, "job", "input", blob)
        return run

    def size(self) -> Counter:
        """Count all that the engine keeps."""
        world = self.app.world
        kept = Counter({f"table {name}": len(world.tables.rows(name)) for name in TABLES})
        for name in CONTAINERS:
            kept[f"snapshots of {name}"] = len(world.blobs.snapshots(name))
            if name not in USERS:
                kept[f"blobs of {name}"] = len(world.blobs.names(name))
        kept["jobs"] = len(world.batch.jobs)
        kept["messages"] = world.queues.total()
        return kept


@pytest.fixture
def year() -> Year:
    app = FakeApp.of(written((("job", LINES), *OTHERS.items())))
    lived = Year(app)
    app.program = lambda _item: Failure() if lived.bad else [("part.txt", b"done\n")]
    for number in range(2):
        app.upload(f"set/{number}.txt", b"in the set\n")
    for day in range(DAYS):
        lived.pass_day(day)
    return lived


def check_constant_size(year: Year) -> None:
    early = [size for day, size in year.sizes.items() if SETTLED <= day < DAYS / 2]
    late = [size for day, size in year.sizes.items() if day >= DAYS / 2]
    for what in late[-1]:
        assert max(day[what] for day in late) <= max(day[what] for day in early), what


def check_nothing_ran_twice(year: Year) -> None:
    """Each verdict was announced once, and each input had one run."""
    events = year.app.world.events.published
    assert max(Counter(event["id"] for event in events).values()) == 1
    runs = defaultdict(set)
    for data in (event["data"] for event in events if event["data"]["input"]):
        runs[data["pipeline"], data["input"]["name"]].add(data["run"])
    assert {len(found) for found in runs.values()} == {1}
    per_pipeline = Counter(pipeline for pipeline, _ in runs)
    assert per_pipeline == {"job": DAYS + len(year.cancelled), "after": len(year.failed)}
    requests = {e["data"]["run"] for e in events if e["data"]["pipeline"] == "asked"}
    ticks = {e["data"]["run"] for e in events if e["data"]["pipeline"] == "daily"}
    assert (len(requests), len(ticks)) == (DAYS, DAYS - 1)  # the first day has no tick


def test_in_a_year_nothing_grows_and_no_input_runs_twice(year):
    check_constant_size(year)
    check_nothing_ran_twice(year)
    assert year.backfilled == []
    assert year.app.world.batch.jobs.keys() <= {run.job for run in year.app.all_runs()}
