"""Keeps events, deliveries, metrics, run-time subscriptions and the outbox position in SQLite.

Every public method is one transaction; an event and its deliveries become durable together.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from emulators.eventgrid.events import Event, Schema
from emulators.eventgrid.faults import Fate

KEEP_FINISHED_S = 3 * 86_400.0
_LOCK_WAIT_S = 0.3

PENDING = "pending"
DEAD_LETTERING = "dead-lettering"
DELIVERED = "delivered"
DEAD_LETTERED = "dead-lettered"
DROPPED = "dropped"
LOST = "lost"

# The names are those of Azure's platform metrics: "Supported metrics for
# Microsoft.EventGrid/topics" and ".../systemTopics". Azure Monitor samples them every minute.
ACCEPTED, REFUSED = "PublishSuccessCount", "PublishFailCount"
METRIC_OF_STATE = {DEAD_LETTERED: "DeadLetteredCount", DROPPED: "DroppedEventCount"}
GRAIN_S = 60

_TABLES = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL,
    schema TEXT NOT NULL, body TEXT NOT NULL, published_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES events(seq),
    subscription TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    copies INTEGER NOT NULL DEFAULT 1, due_at REAL NOT NULL, attempted_at REAL NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '', UNIQUE (event, subscription));
CREATE INDEX IF NOT EXISTS due ON deliveries (subscription, due_at)
    WHERE state IN ('pending', 'dead-lettering');
CREATE VIEW IF NOT EXISTS open_deliveries AS
    SELECT d.seq, subscription, schema, body, published_at, state, attempts, copies, due_at,
           attempted_at, status, outcome, reason
    FROM deliveries d JOIN events e ON d.event = e.seq
    WHERE state IN ('pending', 'dead-lettering');
CREATE VIEW IF NOT EXISTS finished_events AS
    SELECT seq, published_at FROM events e WHERE NOT EXISTS (
        SELECT 1 FROM deliveries d
        WHERE d.event = e.seq AND state IN ('pending', 'dead-lettering'));
CREATE TABLE IF NOT EXISTS subscriptions (
    topic TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (topic, name));
CREATE TABLE IF NOT EXISTS metrics (
    topic TEXT NOT NULL, name TEXT NOT NULL, began_at INTEGER NOT NULL, total INTEGER NOT NULL,
    PRIMARY KEY (topic, name, began_at));
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreUnusable(Exception):
    """The database is damaged or in use by another process."""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one subscription, with its progress."""

    seq: int
    subscription: str
    event: Event
    published_at: float
    state: str
    attempts: int
    copies: int
    due_at: float
    attempted_at: float = 0.0
    status: int = 0
    outcome: str = ""
    reason: str = ""

    @property
    def topic(self) -> str:
        """Return the topic of its subscription."""
        return self.subscription.partition("/")[0]

    def moved(self, state: str, **changes: float | str) -> "Delivery":
        """Return this delivery in another state."""
        return replace(self, state=state, **changes)  # type: ignore[arg-type]  # names and types are the caller's


@dataclass(frozen=True)
class Sample:
    """What a metric of a topic adds up to in the minute that began then, in Unix seconds."""

    topic: str
    name: str
    began_at: int
    total: int


@dataclass(frozen=True)
class Incoming:
    """An event to store: its key is unique, its fates are per subscription."""

    key: str
    topic: str
    event: Event
    fates: Mapping[str, Fate]


class Store:
    """The database of one Event Grid emulator; used from one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_WAIT_S)
        try:
            # Exclusive, so that a second emulator on this folder fails at once and delivers
            # nothing.
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_TABLES)
            self.forget_finished(time.time())
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise StoreUnusable(
                f"{path} cannot be used ({error}): if no other emulator runs on this folder, the "
                "file is damaged; move it away to start with an empty one."
            ) from error

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add(self, incoming: Sequence[Incoming], now: float, outbox: str | None = None) -> int:
        """Store events with their deliveries, and the outbox position at their end, each once."""
        with self._transaction():
            added = [item.topic for item in incoming if self._add_one(item, now)]
            for topic, count in Counter(added).items():
                self._count(topic, ACCEPTED, count, now)
            if outbox is not None:
                self._db.execute("REPLACE INTO notes VALUES ('outbox', ?)", (outbox,))
        return len(added)

    def refuse(self, topic: str, now: float) -> None:
        """Count a request to publish that was refused."""
        with self._transaction():
            self._count(topic, REFUSED, 1, now)

    def outbox_position(self) -> str | None:
        """Return the outbox position that the last committed event ended at."""
        row = self._db.execute("SELECT value FROM notes WHERE name = 'outbox'").fetchone()
        return row[0] if row else None

    def due(self, subscription: str, now: float, limit: int) -> list[Delivery]:
        """Return the due open deliveries of a subscription, the oldest first."""
        rows = self._db.execute(
            "SELECT * FROM open_deliveries WHERE subscription = ? AND due_at <= ?"
            " ORDER BY due_at, seq LIMIT ?",
            (subscription, now, limit),
        )
        return [
            Delivery(row[0], row[1], Event(Schema(row[2]), json.loads(row[3])), *row[4:])
            for row in rows
        ]

    def next_due(self, subscription: str, after: float) -> float | None:
        """Return when the next delivery to a subscription becomes due, or None."""
        row = self._db.execute(
            "SELECT MIN(due_at) FROM deliveries WHERE subscription = ? AND due_at > ?"
            " AND state IN ('pending', 'dead-lettering')",
            (subscription, after),
        ).fetchone()
        return row[0] if row else None

    def unsettled(self, now: float) -> int:
        """Count deliveries that are due, not tried yet, or lack their second copy."""
        row = self._db.execute(
            "SELECT COUNT(*) FROM open_deliveries"
            " WHERE due_at <= ? OR attempts = 0 OR status BETWEEN 200 AND 204",
            (now,),
        ).fetchone()
        return int(row[0])

    def update(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Save how deliveries stand after an attempt, and count those that ended badly."""
        if not deliveries:
            return
        with self._transaction():
            self._db.executemany(
                "UPDATE deliveries SET state = :state, attempts = :attempts, copies = :copies,"
                " due_at = :due_at, attempted_at = :attempted_at, status = :status,"
                " outcome = :outcome, reason = :reason WHERE seq = :seq",
                [vars(delivery) for delivery in deliveries],
            )
            ended = Counter(
                (delivery.topic, METRIC_OF_STATE[delivery.state])
                for delivery in deliveries
                if delivery.state in METRIC_OF_STATE
            )
            for (topic, name), count in ended.items():
                self._count(topic, name, count, now)

    def save_subscription(self, topic: str, name: str, body: Mapping[str, object]) -> None:
        """Keep a subscription that was added at run time."""
        with self._transaction():
            row = (topic, name, json.dumps(body))
            self._db.execute("REPLACE INTO subscriptions VALUES (?, ?, ?)", row)

    def delete_subscription(self, topic: str, name: str) -> None:
        """Delete a subscription and drop its open deliveries."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM subscriptions WHERE topic = ? AND name = ?", (topic, name)
            )
            self._db.execute(
                "UPDATE deliveries SET state = ?, reason = 'SubscriptionDeleted'"
                " WHERE subscription = ? AND state IN ('pending', 'dead-lettering')",
                (DROPPED, f"{topic}/{name}"),
            )

    def saved_subscriptions(self) -> list[tuple[str, str, Mapping[str, object]]]:
        """Return the subscriptions added at run time: topic, name, body."""
        rows = self._db.execute("SELECT topic, name, body FROM subscriptions")
        return [(topic, name, json.loads(body)) for topic, name, body in rows]

    def counts(self) -> dict[str, object]:
        """Count events, and deliveries by subscription and state."""
        by_subscription: dict[str, dict[str, int]] = {}
        for name, state, count in self._db.execute(
            "SELECT subscription, state, COUNT(*) FROM deliveries GROUP BY subscription, state"
        ):
            by_subscription.setdefault(name, {})[state] = count
        events = self._db.execute("SELECT topic, COUNT(*) FROM events GROUP BY topic")
        return {"events": dict(events), "deliveries": by_subscription}

    def samples(self) -> list[Sample]:
        """Return what each metric adds up to in each minute in which it counted something."""
        rows = self._db.execute("SELECT topic, name, began_at, total FROM metrics ORDER BY 1, 2, 3")
        return [Sample(*row) for row in rows]

    def _count(self, topic: str, name: str, count: int, now: float) -> None:
        self._db.execute(
            "INSERT INTO metrics VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET total = total + excluded.total",
            (topic, name, int(now // GRAIN_S) * GRAIN_S, count),
        )

    def _add_one(self, item: Incoming, now: float) -> int:
        body = json.dumps(item.event.body)
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO events (key, topic, schema, body, published_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (item.key, item.topic, item.event.schema.value, body, now),
        )
        if cursor.rowcount == 0:
            return 0
        self._db.executemany(
            "INSERT INTO deliveries (event, subscription, state, copies, due_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (
                    cursor.lastrowid,
                    name,
                    LOST if fate.lost else PENDING,
                    fate.copies,
                    now + fate.delay_s,
                )
                for name, fate in item.fates.items()
            ],
        )
        return 1

    def forget_finished(self, now: float) -> None:
        """Delete events whose last delivery is over, three days after they were published, and
        what metrics counted before."""
        before = now - KEEP_FINISHED_S
        with self._transaction():
            self._db.execute("DELETE FROM metrics WHERE began_at < ?", (before,))
            self._db.execute(
                "DELETE FROM deliveries WHERE event IN"
                " (SELECT seq FROM finished_events WHERE published_at < ?)",
                (before,),
            )
            self._db.execute(
                "DELETE FROM events WHERE seq IN"
                " (SELECT seq FROM finished_events WHERE published_at < ?)",
                (before,),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
