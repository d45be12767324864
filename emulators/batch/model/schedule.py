"""One job schedule: what it makes, when, and what it has made so far."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from emulators.batch.document import Doc, parse_duration, parse_stamp, stamp
from emulators.batch.model.job import with_job_defaults
from emulators.batch.model.stateful import Stateful, next_serial
from emulators.batch.model.states import ScheduleState


@dataclass(frozen=True, slots=True)
class Timetable:
    """When jobs are due; a moment that passes unused for the length of its window is lost."""

    begin: datetime
    end: datetime | None
    window: timedelta | None
    interval: timedelta | None

    def after(self, moment: datetime | None) -> datetime | None:
        """Return the first due moment after another one (None: the very first)."""
        if moment is None or moment < self.begin:
            due: datetime = self.begin
        elif self.interval is None:
            return None
        else:
            due = self.begin + self.interval * ((moment - self.begin) // self.interval + 1)
        return None if self.end is not None and due > self.end else due

    def is_over(self, last: datetime | None, now: datetime) -> bool:
        """Tell whether no more job will become due; a recurring timetable goes on until its end."""
        if self.current(last, now) is not None:
            return False
        return self.interval is None or self.end is None or self.end <= now

    def lost_at(self, due: datetime) -> datetime | None:
        """Return when a due job can no longer be made, or None if it always can."""
        ends = [due + limit for limit in (self.window, self.interval) if limit is not None]
        if self.end is not None:
            ends.append(self.end)
        return min(ends, default=None)

    def current(self, last: datetime | None, now: datetime) -> datetime | None:
        """Return the due moment to wait for or to act on, past all lost ones."""
        due = self.after(last)
        while due is not None and (lost := self.lost_at(due)) is not None and lost <= now:
            # What was due an interval or more ago is lost as well.
            due = self.after(max(due, now - self.interval) if self.interval else due)
        return due


@dataclass(slots=True, kw_only=True)
class Schedule(Stateful[ScheduleState]):
    """A job schedule; `made` counts its jobs, `last` is the due moment of the latest job."""

    id: str
    serial: int = field(default_factory=next_serial)
    spec: Doc
    made: int = 0
    last: str = ""
    recent_job: str = ""
    ended: str = ""
    pool_id: str = ""

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return where the store keeps it."""
        return ("schedule", self.id, "")

    @property
    def job_prefix(self) -> str:
        """Return the prefix of its jobs' ids in lower case; no other id holds a colon."""
        return f"{self.id}:".lower()

    @property
    def is_open(self) -> bool:
        """Tell whether it counts against the account's quota."""
        return self.state not in (ScheduleState.COMPLETED, ScheduleState.DELETING)

    def timetable(self) -> Timetable:
        """Return when its jobs are due."""
        given = self.spec.get("schedule") or {}
        until, after = given.get("doNotRunUntil"), given.get("doNotRunAfter")
        return Timetable(
            begin=max(parse_stamp(until or self.created), parse_stamp(self.created)),
            end=parse_stamp(after) if after else None,
            window=_duration(given.get("startWindow")),
            interval=_duration(given.get("recurrenceInterval")),
        )

    def due(self, now: datetime) -> datetime | None:
        """Return the moment at which its next job is due; it may be past but not lost."""
        return self.timetable().current(self._last(), now)

    def is_over(self, now: datetime) -> bool:
        """Tell whether it will make no more jobs."""
        return self.timetable().is_over(self._last(), now)

    def _last(self) -> datetime | None:
        return parse_stamp(self.last) if self.last else None

    def next_job(self, due: datetime) -> str:
        """Use a due moment: note it and return the id of the new job."""
        self.made += 1
        self.last = stamp(due)
        self.recent_job = f"{self.id}:job-{self.made}"
        return self.recent_job

    def document(self, base: str, now: datetime) -> Doc:
        """Return the schedule as clients see it."""
        execution: Doc = {}
        due = (
            self.due(now) if self.state in (ScheduleState.ACTIVE, ScheduleState.DISABLED) else None
        )
        if due is not None:
            execution["nextRunTime"] = stamp(due)
        if self.recent_job:
            url = f"{base}/jobs/{self.recent_job}"
            execution["recentJob"] = {"id": self.recent_job, "url": url}
        if self.ended:
            execution["endTime"] = self.ended
        url = f"{base}/jobschedules/{self.id}"
        return {**self.spec, "url": url, **self.history(), "executionInfo": execution}

    def record(self) -> str:
        """Return the schedule as text for the store."""
        return json.dumps(
            {
                **self.saved_history(),
                "id": self.id,
                "spec": self.spec,
                "made": self.made,
                "last": self.last,
                "recent_job": self.recent_job,
                "ended": self.ended,
                "pool_id": self.pool_id,
            }
        )

    @classmethod
    def restore(cls, text: str) -> Self:
        """Build the schedule that `record` wrote."""
        saved = json.loads(text)
        return cls(**{**saved, "state": ScheduleState(saved["state"])})


def with_schedule_defaults(body: Doc) -> Doc:
    """Return the schedule with the service's defaults filled in, those of its jobs included."""
    given = {key: value for key, value in body.items() if value is not None}
    return {**given, "jobSpecification": with_job_defaults(given.get("jobSpecification") or {})}


_CENTURY = timedelta(days=36500)


def _duration(text: str | None) -> timedelta | None:
    return min(parse_duration(text), _CENTURY) if text else None
