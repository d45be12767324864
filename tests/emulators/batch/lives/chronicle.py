"""What happens to a whole account from one save to the next, and what must not happen."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from emulators.batch.document import Doc, parse_duration, parse_stamp
from emulators.batch.model.account import Account
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import (
    Allocation,
    JobState,
    NodeState,
    PoolState,
    ScheduleState,
    TaskState,
)
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from tests.emulators.batch.lives.job_laws import (
    CLOSED,
    check_counts,
    check_limits,
    check_manager,
    check_nothing_waits,
    check_over,
    check_task,
)
from tests.emulators.batch.lives.lives import Key
from tests.emulators.batch.lives.onlooker import Onlooker
from tests.emulators.batch.lives.schedule_laws import (
    A_MOMENT,
    check_due,
    check_nothing_owed,
    is_active,
)

_ENDS = {
    ScheduleState.TERMINATING: {
        ScheduleState.TERMINATING,
        ScheduleState.COMPLETED,
        ScheduleState.DELETING,
    },
    ScheduleState.COMPLETED: {ScheduleState.COMPLETED, ScheduleState.DELETING},
    ScheduleState.DELETING: {ScheduleState.DELETING},
}
_RESTING = READY | {NodeState.DEALLOCATED, NodeState.START_TASK_FAILED}
_TARGETS = "$TargetDedicatedNodes=", "$TargetLowPriorityNodes="
_LONG = timedelta(minutes=20)


@dataclass
class SeenJob:
    """A job that was accepted or made; `final` holds the records that must not change any more."""

    created: str
    tasks: set[str] = field(default_factory=set)
    end: JobState | None = None
    final: dict[str, str] = field(default_factory=dict)


@dataclass
class SeenSchedule:
    """A schedule that was accepted, and its number of jobs when it was last seen."""

    created: str
    made: int = 0
    last: str = ""
    end: ScheduleState | None = None
    final: str = ""


@dataclass
class Chronicle:
    """The requests to the account, the observations, and what follows from both.

    `auto_pools` names the job or schedule of each auto pool. `kept` holds those that outlive their
    owner, `over` the owners that have ended. `meddled` holds the evaluation after which a user
    changed a pool's target.
    """

    jobs: dict[str, SeenJob] = field(default_factory=dict)
    schedules: dict[str, SeenSchedule] = field(default_factory=dict)
    pools: set[str] = field(default_factory=set)
    auto_pools: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    tags: dict[Key, tuple[str, str, str]] = field(default_factory=dict)
    meddled: dict[str, str] = field(default_factory=dict)
    edits: set[Key] = field(default_factory=set)
    restarted: datetime | None = None

    # --- at every save

    def saved(self, account: Account) -> None:
        """Check the laws of every save, and remember what is final."""
        for schedule in account.schedules.values():
            self._schedule(account, schedule)
        for key in self.schedules.keys() - account.schedules.keys():
            seen = self.schedules.pop(key)
            assert seen.end is ScheduleState.DELETING, f"schedule {key} is lost"
        for job in account.jobs.values():
            self._job(account, job)
        for key in self.jobs.keys() - account.jobs.keys():
            assert self.jobs.pop(key).end is JobState.DELETING, f"job {key} is lost"
        self._owners(account)
        for pool in account.pools.values():
            self._pool(account, pool)
        self._tags(account)

    def _owners(self, account: Account) -> None:
        specs = {_owner(job): job.spec for job in account.jobs.values()}
        for schedule in account.schedules.values():
            specs[_owner(schedule)] = schedule.spec["jobSpecification"]
        for owner, spec in specs.items():
            keeps = bool((spec["poolInfo"].get("autoPoolSpecification") or {}).get("keepAlive"))
            (self.kept.add if keeps else self.kept.discard)(owner)
            if not _is_alive(account, owner):
                self.over.add(owner)

    def _wants(self, account: Account, owner: str) -> bool:
        return owner in self.kept or (owner not in self.over and _is_alive(account, owner))

    def _tags(self, account: Account) -> None:
        tags = {
            thing.table_key: (thing.created, thing.etag, thing.changed)
            for thing in everything(account)
        }
        for key, tag in tags.items():
            old = self.tags.get(key)
            if old is not None and old[0] == tag[0] and key not in self.edits:
                assert tag == old, f"the ETag of {key} has moved by itself"
        self.tags = tags

    def edited(self, key: Key) -> None:
        """Let the ETag of something move once, because a user has changed it."""
        self.edits.add(key)

    # --- schedules

    def _schedule(self, account: Account, schedule: Schedule) -> None:
        key = schedule.id.lower()
        seen = self.schedules.setdefault(key, SeenSchedule(schedule.created))
        assert seen.created == schedule.created, f"schedule {key} was lost and made anew"
        active = [job for job in account.jobs_made_by(schedule) if is_active(job)]
        assert len(active) <= 1, f"schedule {key} has {len(active)} active jobs"
        if schedule.made != seen.made:
            assert schedule.made == seen.made + 1, f"{key} has made several jobs at once"
            assert seen.end is None, f"{key} has made a job after its end"
            check_due(account.jobs[f"{key}:job-{schedule.made}"], schedule, seen.last)
        seen.made, seen.last = schedule.made, schedule.last
        if seen.end is not None:
            assert schedule.state in _ENDS[seen.end], f"{key}: {seen.end} became {schedule.state}"
        if schedule.state in _ENDS:
            seen.end = schedule.state
        if schedule.state is ScheduleState.COMPLETED:
            assert not active, f"{key} is completed and has an active job"
            seen.final = seen.final or schedule.record()
            assert schedule.record() == seen.final, f"{key} has changed after its completion"

    # --- jobs and tasks

    def _job(self, account: Account, job: Job) -> None:
        key = job.id.lower()
        seen = self.jobs.get(key)
        if seen is None or seen.created != job.created:
            assert seen is None or seen.end is JobState.DELETING, f"job {key} was lost"
            seen = self.jobs[key] = self._new_job(account, job)
        if seen.end is not None:
            assert job.state in CLOSED[seen.end], f"{key}: {seen.end} became {job.state}"
        if job.state in CLOSED:
            seen.end = job.state
        assert set(job.tasks) == seen.tasks, f"{key} has lost or invented tasks"
        check_counts(job)
        for task in job.tasks.values():
            check_task(account, task)
            _check_final(seen, task)
        check_manager(job)
        if job.state is JobState.COMPLETED:
            check_over(account, job)
            assert seen.final.setdefault("", job.record()) == job.record(), f"{key} has changed"

    def _new_job(self, account: Account, job: Job) -> SeenJob:
        manager = job.spec.get("jobManagerTask")
        seen = SeenJob(job.created)
        # Without a pool there is no manager task.
        if manager and "schedulingError" not in job.execution:
            seen.tasks.add(manager["id"].lower())
        if auto_pool_of(job) and "schedulingError" not in job.execution:
            shared = auto_pool_of(job)["poolLifetimeOption"] == "jobschedule" and ":" in job.id
            maker = account.schedules[job.id.partition(":")[0].lower()] if shared else job
            self.auto_pools.setdefault(job.execution["poolId"].lower(), _owner(maker))
        return seen

    # --- pools

    def _pool(self, account: Account, pool: Pool) -> None:
        key = pool.id.lower()
        owner = self.auto_pools.get(key)
        assert owner or key in self.pools, f"nobody has asked for pool {key}"
        if pool.state is PoolState.ACTIVE and owner:
            assert self._wants(account, owner), f"{key} outlives {owner}"
        if pool.state is PoolState.DELETING and owner:
            assert not self._wants(account, owner), f"{key} goes before {owner}"
        for node in pool.nodes.values():
            assert 0 <= node.used <= node.slots, f"{node.id} uses {node.used} of {node.slots}"
            assert bool(node.used) == bool(node.running)

    def taken(self, pool: Pool) -> None:
        """Note that a user has begun to delete a pool."""
        self.auto_pools.pop(pool.id.lower(), None)
        self.pools.add(pool.id.lower())

    def set_targets(self, pool: Pool) -> None:
        """Note that a user has given a pool another target than its formula's."""
        self.meddled[pool.id.lower()] = str(pool.autoscale_run.get("timestamp"))

    # --- when all has settled

    def check_settled(self, ctx: Context, nodes: Onlooker) -> None:
        """Check what must have happened as soon as nothing more can happen without time."""
        now = ctx.clock.now()
        for schedule in ctx.account.schedules.values():
            check_nothing_owed(ctx, schedule, now)
        for job in ctx.account.jobs.values():
            check_limits(job, now)
        for key in self.auto_pools.keys() - ctx.account.pools.keys():
            owner = self.auto_pools.pop(key)
            assert not self._wants(ctx.account, owner), f"pool {key} went before {owner}"
        for pool in ctx.account.pools.values():
            if pool.state is PoolState.ACTIVE:
                self._check_size(pool, now)
                check_nothing_waits(ctx, nodes, pool)

    def _check_size(self, pool: Pool, now: datetime) -> None:
        if pool.allocation is Allocation.STEADY and not pool.resize_errors:
            found = pool.current(True), pool.current(False)
            wanted = pool.target_dedicated, pool.target_spot
            states = [str(node.state) for node in pool.nodes.values()]
            assert found == wanted, f"{pool.id} has {found}, not {wanted}: {states}"
        if not pool.autoscale:
            return
        ran = parse_stamp(pool.autoscale_run["timestamp"])
        late = now - max(ran, self.restarted or ran)
        interval = parse_duration(pool.spec["autoScaleEvaluationInterval"])
        assert late <= interval + A_MOMENT, f"{pool.id} was last evaluated at {ran}"
        stopped = pool.autoscale_run["timestamp"] == self.meddled.get(pool.id.lower())
        if "error" not in pool.autoscale_run and not stopped:
            wanted = tuple(_target(pool.autoscale_run["results"], name) for name in _TARGETS)
            assert wanted == (pool.target_dedicated, pool.target_spot), f"{pool.id}: {wanted}"

    def check_rest(self, ctx: Context) -> None:
        """Check that after a long time nothing is on its way any more."""
        now = ctx.clock.now()
        for pool in ctx.account.pools.values():
            old = [node for node in pool.nodes.values() if now - parse_stamp(node.since) > _LONG]
            states = {node.state for node in old}
            assert pool.state is PoolState.ACTIVE, f"{pool.id} is never deleted"
            # A formula may want another size every five minutes.
            moves = pool.allocation is not Allocation.STEADY
            since = parse_stamp(pool.allocation_since) if moves else now
            assert now - since < _LONG, f"{pool.id} is {pool.allocation} for ever"
            assert states <= _RESTING, f"{pool.id} has nodes that are {states} for ever"
        resting = {JobState.ACTIVE, JobState.DISABLED, JobState.COMPLETED}
        for job in ctx.account.jobs.values():
            assert job.state in resting, f"{job.id} is {job.state} for ever"
        for schedule in ctx.account.schedules.values():
            assert schedule.state in (
                ScheduleState.ACTIVE,
                ScheduleState.DISABLED,
                ScheduleState.COMPLETED,
            ), f"{schedule.id} is {schedule.state} for ever"

    def begin_life(self, before: dict[Key, str], ctx: Context) -> None:
        """Check that a restart has changed only what it must."""
        self.restarted = ctx.clock.now()
        now = {thing.table_key: thing.record() for thing in everything(ctx.account)}
        for key, text in before.items():
            if key in now:
                _check_restarted(key, json.loads(text), json.loads(now[key]))
            else:
                # Nodes that were leaving may have left.
                assert key[0] == "node" or '"deleting"' in text, f"{key} is lost by a restart"


def everything(account: Account) -> Iterable[Pool | Node | Schedule | Job | Task]:
    """Walk over everything that has a state."""
    yield from account.pools.values()
    yield from account.schedules.values()
    for job in account.jobs.values():
        yield job
        yield from job.tasks.values()


def auto_pool_of(job: Job) -> Doc:
    """Return the auto pool specification of a job, or an empty one if the job names a pool."""
    found: Doc = job.spec["poolInfo"].get("autoPoolSpecification") or {}
    return found


def _is_alive(account: Account, owner: str) -> bool:
    """Tell whether the owner of an auto pool goes on."""
    things = [*account.schedules.values(), *account.jobs.values()]
    found = next((thing for thing in things if _owner(thing) == owner), None)
    return found is not None and found.state not in (ScheduleState.COMPLETED, JobState.COMPLETED)


def _owner(thing: Job | Schedule) -> str:
    """Return what distinguishes a job or schedule from a later one with its id."""
    return f"{type(thing).__name__} {thing.id.lower()} of {thing.created}"


def _check_final(seen: SeenJob, task: Task) -> None:
    key = task.id.lower()
    if task.state is TaskState.COMPLETED:
        assert seen.final.setdefault(key, task.record()) == task.record(), f"{key} has changed"
    else:
        assert key not in seen.final, f"{key} was completed and is {task.state}"


def _target(results: str, name: str) -> int:
    found = next(part for part in results.split(";") if part.startswith(name))
    return int(found.removeprefix(name))


def _check_restarted(key: Key, before: Doc, after: Doc) -> None:
    for name in ("id", "created", "etag", "changed", "spec", "spec_text"):
        assert before.get(name) == after.get(name), f"a restart has changed {name} of {key}"
    for name in ("target_dedicated", "target_spot", "autoscale", "autoscale_run"):
        assert before.get(name) == after.get(name), f"a restart has changed {name} of {key}"
    if before["state"] == "completed":
        assert before == after, f"a restart has changed {key}, which was completed"
