"""Measures pools every 30 seconds, for autoscale formulas and for the page."""

import time
from collections import deque

from emulators.batch.autoscale.samples import PERIOD, Samples
from emulators.batch.model.node import READY
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState, NodeState
from emulators.batch.model.stretch import Stretch
from emulators.batch.service.context import Context

_SAVE_S = 1.0


def metrics(ctx: Context, pool: Pool) -> dict[str, float]:
    """Measure a pool now."""
    active = running = succeeded = failed = 0
    for job in ctx.account.jobs_of(pool.id):
        if job.state in (JobState.ACTIVE, JobState.ENABLING):
            active += job.waiting()
        running += job.counts["running"]
        succeeded += job.counts["succeeded"]
        failed += job.counts["failed"]
    states = [node.state for node in pool.nodes.values()]
    usable = sum(1 for state in states if state in READY)
    busy = sum(node.used for node in pool.nodes.values() if node.state in READY)
    slots = usable * pool.slots
    return {
        # We measure no machine: a node is as busy as its slots are.
        "$CPUPercent": busy / slots * ctx.options.autoscale_dialect.cpu_scale if slots else 0.0,
        "$ActiveTasks": float(active),
        "$RunningTasks": float(running),
        "$PendingTasks": float(active + running),
        "$SucceededTasks": float(succeeded),
        "$FailedTasks": float(failed),
        "$PreemptedNodeCount": float(states.count(NodeState.PREEMPTED)),
        "$UsableNodeCount": float(usable),
        "$SampleNodeCount": float(usable),
        "$CurrentDedicatedNodes": float(pool.current(True)),
        "$CurrentLowPriorityNodes": float(pool.current(False)),
        "$TaskSlotsPerNode": float(pool.slots),
        # Not a variable of the language: the page shows it in the history.
        "target": float(pool.target_dedicated + pool.target_spot),
    }


def has_samples(ctx: Context, pool: Pool) -> bool:
    """Tell whether a pool gathers samples; a pool that never had a node may have to wait for
    one."""
    without = ctx.options.autoscale_dialect.samples_without_nodes
    return without or bool(pool.nodes) or pool.id in ctx.samples


def samples_of(ctx: Context, pool: Pool) -> Samples:
    """Return the samples of a pool, of which there may be none yet."""
    return ctx.samples.get(pool.id) or _no_samples(ctx)


def _no_samples(ctx: Context) -> Samples:
    return Samples.under(ctx.options.autoscale_dialect, ctx.options.autoscale_interval_scale)


def forget_samples(ctx: Context, pool: Pool) -> None:
    """Forget the samples of a deleted pool."""
    ctx.samples.pop(pool.id, None)
    ctx.forget(*ctx.account.stretches.pop(pool.id, ()))


class Sampler:
    """Takes the samples of all pools, and saves them at most once a second of real time."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._unsaved: dict[tuple[str, int], Stretch] = {}
        self._saved_at = 0.0

    def start(self) -> None:
        """Load the samples of the last process, and begin to take more."""
        for pool_id, stretches in self._ctx.account.stretches.items():
            samples = self._ctx.samples[pool_id] = _no_samples(self._ctx)
            samples.restore(row for stretch in stretches for row in stretch.rows)
        self._ctx.spawn(self._sample_for_ever(), "autoscale samples")

    async def _sample_for_ever(self) -> None:
        period = PERIOD.total_seconds() * self._ctx.options.autoscale_interval_scale
        while True:
            await self._ctx.clock.sleep(max(0.05, period))
            for pool in self._ctx.account.pools.values():
                if has_samples(self._ctx, pool):
                    self._sample(pool)
            if time.monotonic() - self._saved_at >= _SAVE_S:
                self._hand_over()

    def _sample(self, pool: Pool) -> None:
        ctx = self._ctx
        samples = ctx.samples[pool.id] = samples_of(ctx, pool)
        row = (ctx.clock.now(), metrics(ctx, pool))
        if not samples.record(*row):
            return
        stretches = ctx.account.stretches.setdefault(pool.id, deque())
        if not stretches or stretches[-1].is_full:
            stretches.append(Stretch(pool.id, stretches[-1].number + 1 if stretches else 0))
        stretches[-1].rows.append(row)
        self._unsaved[pool.id, stretches[-1].number] = stretches[-1]
        while stretches[0].rows[-1][0] < samples.begin():
            ctx.forget(stretches.popleft())

    def save(self) -> None:
        """Save the unsaved samples of pools that still exist."""
        self._hand_over()
        self._ctx.save()

    def _hand_over(self) -> None:
        self._saved_at = time.monotonic()
        kept = self._ctx.account.stretches
        self._ctx.keep(*(one for one in self._unsaved.values() if one in kept.get(one.pool_id, ())))
        self._unsaved.clear()
