"""Saves the account in one SQLite file in WAL mode, in whole transactions.

A SIGKILL of this process loses no committed transaction. `synchronous=NORMAL` risks the last ones
only if the machine itself fails, which an emulator may.
"""

import fcntl
import json
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TextIO

from emulators.batch.model.account import Account
from emulators.batch.model.departed import Departed
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.stateful import next_serial
from emulators.batch.model.stretch import Stretch
from emulators.batch.model.task import Task

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT, owner TEXT, name TEXT, body TEXT, PRIMARY KEY (kind, owner, name)
) WITHOUT ROWID
"""
_VERSION = 1


class NotSaved(Exception):
    """The changes could not be saved yet, for example because the disk is full."""


class Keeper(Protocol):
    """What the service needs of a store."""

    def load(self) -> Account:
        """Build the account that was saved."""
        ...

    def clock_ahead_s(self) -> float:
        """Return how many seconds the saved clock was ahead of the machine's."""
        ...

    def save(self, account: Account) -> None:
        """Save everything that changed; raises NotSaved and keeps the changes for the next time."""
        ...

    def close(self) -> None:
        """Close what it holds."""
        ...


def restored(bodies: Callable[[str], Iterable[str]]) -> Account:
    """Build an account from the saved texts of each kind."""
    account = Account()
    for pool in _by_age(map(Pool.restore, bodies("pool"))):
        account.pools[pool.id.lower()] = pool
    for schedule in _by_age(map(Schedule.restore, bodies("schedule"))):
        account.schedules[schedule.id.lower()] = schedule
    for node in sorted(map(Node.restore, bodies("node")), key=lambda node: node.number):
        account.pool(node.pool_id).nodes[node.id] = node
    stretches = sorted(map(Stretch.restore, bodies("samples")), key=lambda one: one.number)
    for stretch in stretches:
        account.stretches.setdefault(stretch.pool_id, deque()).append(stretch)
    for job in _by_age(map(Job.restore, bodies("job"))):
        account.jobs[job.id.lower()] = job
    for body in bodies("departed"):
        departed = Departed.restore(body)
        account.job(departed.job_id).departed[departed.task_id] = departed
    tasks = sorted((Task.restore(body) for body in bodies("task")), key=lambda task: task.seq)
    for task in tasks:
        account.job(task.job_id).add(task)
    return account


def _by_age[T: (Pool, Schedule, Job)](things: Iterable[T]) -> list[T]:
    """Return things in order of creation, with new numbers in that order."""
    found = sorted(things, key=lambda thing: thing.created)
    for thing in found:
        thing.serial = next_serial()
    return found


class Store:
    """The records of the account on disk, for one process at a time."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(folder / "lock")
        except OSError as error:
            sys.exit(f"{folder} cannot be used ({error.strerror}): pass another --data folder.")
        self.path = folder / "batch.sqlite"
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            sys.exit(
                f"{self.path} is not a usable state file ({error}): move {folder} away, or pass "
                "another --data folder, to start with an empty account."
            )

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"format {found}, this program reads {_VERSION}")
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA user_version={_VERSION}")
        return db

    def load(self) -> Account:
        """Build the account that was saved."""
        return restored(self._bodies)

    def clock_ahead_s(self) -> float:
        """Return how many seconds the saved clock was ahead of the machine's."""
        return max(
            (float(json.loads(body)["ahead_s"]) for body in self._bodies("clock")), default=0
        )

    def _bodies(self, kind: str) -> list[str]:
        rows = self._db.execute("SELECT body FROM records WHERE kind = ?", (kind,))
        return [str(row[0]) for row in rows]

    def save(self, account: Account) -> None:
        """Write everything that changed, in one transaction."""
        if not account.unsaved:
            return
        changes = account.unsaved
        kept = [(*key, thing.record()) for key, thing in changes.items() if thing is not None]
        gone = [key for key, thing in changes.items() if thing is None]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", kept)
            self._db.executemany(
                "DELETE FROM records WHERE kind = ? AND owner = ? AND name = ?", gone
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise NotSaved(f"{self.path} cannot be saved ({error}): make room for it.") from error
        account.unsaved = {}

    def close(self) -> None:
        """Close the file, so that another process may use the folder."""
        self._db.close()
        self._lock.close()


def _lock(path: Path) -> TextIO:
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(
            f"Another Batch emulator uses {path.parent}: stop it, or pass another --data folder."
        )
    return lock
