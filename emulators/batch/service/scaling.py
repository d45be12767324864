"""Autoscale of pools: samples as time goes by, evaluations at enable
and at the interval, targets from results."""

from datetime import timedelta

from emulators.batch.autoscale.evaluate import Outcome, Situation, evaluate
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.names import PLAIN
from emulators.batch.autoscale.record import run_record
from emulators.batch.autoscale.samples import PERIOD, Samples
from emulators.batch.clock import Timer
from emulators.batch.document import Doc, parse_duration, parse_stamp, stamp
from emulators.batch.errors import BatchError, invalid
from emulators.batch.model.node import READY
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, JobState, NodeState, PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.resize import resize

_DEFAULT_INTERVAL = "PT15M"
_LEAST, _MOST = timedelta(minutes=5), timedelta(hours=168)


def check_formula(ctx: Context, text: str) -> None:
    """Refuse a formula that is none."""
    try:
        parse(text, exponents=ctx.options.autoscale_dialect.exponents)
    except (FormulaSyntaxError, FormulaTooLong) as error:
        raise BatchError(error.code, str(error)) from error


def check_interval(text: str) -> str:
    """Refuse an interval that is out of range."""
    try:
        interval = parse_duration(text)
    except ValueError as error:
        raise invalid("autoScaleEvaluationInterval", text, str(error)) from error
    if not _LEAST <= interval <= _MOST:
        raise invalid(
            "autoScaleEvaluationInterval", text, "The value must be between PT5M and PT168H."
        )
    return text


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
        # No machine is measured: a node is as busy as its slots are.
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
        # No variable of the language: for those who look at the history.
        "target": float(pool.target_dedicated + pool.target_spot),
    }


def sample(ctx: Context, pool: Pool) -> None:
    """Record the pool's metrics now, if it has samples."""
    if _has_samples(ctx, pool):
        _history(ctx, pool).record(ctx.clock.now(), metrics(ctx, pool))


def _has_samples(ctx: Context, pool: Pool) -> bool:
    """Tell whether a pool gathers samples: one that never had a node may have to wait for one."""
    without = ctx.options.autoscale_dialect.samples_without_nodes
    return without or bool(pool.nodes) or pool.id in ctx.samples


def _history(ctx: Context, pool: Pool) -> Samples:
    """Return the pool's samples, kept from the first one on."""
    if pool.id not in ctx.samples:
        options = ctx.options
        ctx.samples[pool.id] = Samples.under(
            options.autoscale_dialect, options.autoscale_interval_scale
        )
    return ctx.samples[pool.id]


def run_formula(ctx: Context, pool: Pool, text: str) -> tuple[Outcome, Doc]:
    """Evaluate a formula for a pool; changes nothing."""
    dialect, now, measured = ctx.options.autoscale_dialect, ctx.clock.now(), metrics(ctx, pool)
    situation = Situation(
        now,
        ctx.samples.get(pool.id) or Samples.under(dialect, ctx.options.autoscale_interval_scale),
        plain={name: measured[name] for name in PLAIN},
        live=measured if _has_samples(ctx, pool) else {},
        dedicated=pool.target_dedicated,
        spot=pool.target_spot,
        option=pool.deallocation,
        dialect=dialect,
    )
    outcome = evaluate(parse(text, exponents=dialect.exponents), situation)
    return outcome, run_record(outcome, stamp(now))


def autoscale(ctx: Context, pool: Pool) -> None:
    """Run a pool's formula and follow it; an error changes nothing."""
    outcome, shown = run_formula(ctx, pool, str(pool.spec["autoScaleFormula"]))
    pool.autoscale_run = shown
    ctx.keep(pool)
    wanted = (outcome.dedicated, outcome.spot)
    if outcome.error_code or pool.allocation is Allocation.STOPPING:
        return
    pool.deallocation = outcome.option
    if wanted != (pool.target_dedicated, pool.target_spot) or wanted != (
        pool.current(True),
        pool.current(False),
    ):
        resize(ctx, pool, *wanted, outcome.option)


def enable(ctx: Context, pool: Pool, formula: str | None, interval: str | None) -> None:
    """Turn autoscale on or change it, and run the formula at once."""
    formula = formula or (pool.spec.get("autoScaleFormula") if pool.autoscale else None)
    if not formula:
        detail = "A formula is needed while autoscale is disabled."
        raise BatchError("InvalidAutoScalingSettings", detail)
    check_formula(ctx, formula)
    if interval:
        check_interval(interval)
    pool.spec["autoScaleFormula"] = formula
    kept = pool.spec.get("autoScaleEvaluationInterval") if pool.autoscale else None
    pool.spec["autoScaleEvaluationInterval"] = interval or kept or _DEFAULT_INTERVAL
    pool.autoscale = True
    pool.autoscale_changed = stamp(ctx.clock.now())
    autoscale(ctx, pool)


def check_rate(ctx: Context, pool: Pool) -> None:
    """Refuse an enable call that follows the last one too soon."""
    if not pool.autoscale_changed:
        return
    since = (ctx.clock.now() - parse_stamp(pool.autoscale_changed)).total_seconds()
    if since < ctx.options.autoscale_min_seconds:
        raise BatchError("TooManyEnableAutoScaleRequests")


class Scaler:
    """The timers of autoscale: one evaluation per pool and
    interval, one sample of all pools per period."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._timers: dict[str, Timer] = {}

    def start(self) -> None:
        """Begin to sample, and to evaluate the pools that autoscale."""
        self._ctx.spawn(self._sample_for_ever(), "autoscale samples")
        for pool in self._ctx.account.pools.values():
            self.schedule(pool)

    async def _sample_for_ever(self) -> None:
        period = PERIOD.total_seconds() * self._ctx.options.autoscale_interval_scale
        while True:
            await self._ctx.clock.sleep(max(0.05, period))
            for pool in self._ctx.account.pools.values():
                sample(self._ctx, pool)

    def schedule(self, pool: Pool) -> None:
        """Set the pool's next evaluation one interval from now;
        forget it where autoscale is off."""
        old = self._timers.pop(pool.id, None)
        if old is not None:
            old.cancel()
        if pool.autoscale and pool.state is PoolState.ACTIVE:
            interval = parse_duration(pool.spec["autoScaleEvaluationInterval"]).total_seconds()
            delay = interval * self._ctx.options.autoscale_interval_scale
            self._timers[pool.id] = self._ctx.clock.after(delay, lambda: self._due(pool))

    def _due(self, pool: Pool) -> None:
        if pool.autoscale and pool.state is PoolState.ACTIVE:
            autoscale(self._ctx, pool)
        self.schedule(pool)
