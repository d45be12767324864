"""Everything in the account, and what changed in it since the last save."""

from collections import deque
from typing import Protocol

from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.pool import Pool
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import JobState
from emulators.batch.model.stretch import Stretch


class Kept(Protocol):
    """What the store keeps: a key and a text."""

    @property
    def table_key(self) -> tuple[str, str, str]:
        """Return kind, owner and name."""
        ...

    def record(self) -> str:
        """Return its present content."""
        ...


class Account:
    """Pools, jobs and job schedules by lower-case id, samples by exact pool id, and unsaved
    changes."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
        self.stretches: dict[str, deque[Stretch]] = {}
        self.unsaved: dict[tuple[str, str, str], Kept | None] = {}

    def pool(self, pool_id: str) -> Pool:
        """Return one pool, or refuse."""
        found = self.pools.get(pool_id.lower())
        if found is None:
            raise BatchError("PoolNotFound")
        return found

    def job(self, job_id: str) -> Job:
        """Return one job, or refuse."""
        found = self.jobs.get(job_id.lower())
        if found is None:
            raise BatchError("JobNotFound")
        return found

    def schedule(self, schedule_id: str) -> Schedule:
        """Return one job schedule, or refuse."""
        found = self.schedules.get(schedule_id.lower())
        if found is None:
            raise BatchError("JobScheduleNotFound")
        return found

    def jobs_made_by(self, schedule: Schedule) -> list[Job]:
        """Return the jobs of a schedule in order of creation."""
        prefix = schedule.job_prefix
        return [job for key, job in self.jobs.items() if key.startswith(prefix)]

    def jobs_of(self, pool_id: str) -> list[Job]:
        """Return the jobs of a pool, the most urgent first."""
        key = pool_id.lower()
        found = [job for job in self.jobs.values() if job.pool_id.lower() == key]
        return sorted(found, key=lambda job: (-job.priority, job.created))

    def active_jobs(self) -> int:
        """Return how many jobs and job schedules count against their common quota."""
        open_schedules = sum(1 for schedule in self.schedules.values() if schedule.is_open)
        return open_schedules + sum(
            1
            for job in self.jobs.values()
            if job.state not in (JobState.COMPLETED, JobState.DELETING)
        )

    def keep(self, thing: Kept) -> None:
        """Note that something changed and must be saved."""
        self.unsaved[thing.table_key] = thing

    def forget(self, thing: Kept) -> None:
        """Note that something is gone, so that its record is deleted."""
        self.unsaved[thing.table_key] = None
