"""Autoscale of pools: evaluates formulas at enable and at intervals, and sets targets from
results."""

from datetime import timedelta

from emulators.batch.autoscale.evaluate import Outcome, Situation, evaluate
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.names import PLAIN
from emulators.batch.autoscale.record import run_record
from emulators.batch.clock import Timer
from emulators.batch.document import Doc, parse_duration, parse_stamp, stamp
from emulators.batch.errors import BatchError, invalid
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.pools.resize import resize, seek_again
from emulators.batch.service.pools.sampling import has_samples, metrics, samples_of

_DEFAULT_INTERVAL = "PT15M"
_LEAST, _MOST = timedelta(minutes=5), timedelta(hours=168)


def check_formula(ctx: Context, text: str) -> None:
    """Refuse a text that is not a formula."""
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


def run_formula(ctx: Context, pool: Pool, text: str) -> tuple[Outcome, Doc]:
    """Evaluate a formula for a pool; change nothing."""
    dialect, now, measured = ctx.options.autoscale_dialect, ctx.clock.now(), metrics(ctx, pool)
    situation = Situation(
        now,
        samples_of(ctx, pool),
        plain={name: measured[name] for name in PLAIN},
        live=measured if has_samples(ctx, pool) else {},
        dedicated=pool.target_dedicated,
        spot=pool.target_spot,
        option=pool.deallocation,
        dialect=dialect,
    )
    outcome = evaluate(parse(text, exponents=dialect.exponents), situation)
    return outcome, run_record(outcome, stamp(now))


def autoscale(ctx: Context, pool: Pool) -> None:
    """Run the formula of a pool and follow it; an error changes nothing.

    If the pool is steady and has the wanted nodes, no resize begins, so the errors of the last one
    stay.
    """
    outcome, shown = run_formula(ctx, pool, str(pool.spec["autoScaleFormula"]))
    pool.autoscale_run = shown
    ctx.keep(pool)
    wanted, has = (outcome.dedicated, outcome.spot), (pool.current(True), pool.current(False))
    if outcome.error_code or pool.allocation is Allocation.STOPPING:
        return
    pool.deallocation = outcome.option
    if pool.allocation is Allocation.RESIZING and wanted == pool.targets:
        seek_again(ctx, pool)
    elif pool.allocation is Allocation.STEADY and wanted == has:
        pool.target_dedicated, pool.target_spot = wanted
    else:
        limit_s = ctx.options.autoscale_resize_seconds or None
        resize(ctx, pool, *wanted, outcome.option, limit_s)


def enable(ctx: Context, pool: Pool, formula: str | None, interval: str | None) -> None:
    """Turn autoscale on or change it; where the dialect says so, run the formula at once.

    A given interval begins the schedule of evaluations anew, also if it is the present one.
    """
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
    if interval or not pool.autoscale:
        pool.autoscale_began = stamp(ctx.clock.now())
    pool.autoscale = True
    pool.autoscale_changed = stamp(ctx.clock.now())
    ctx.keep(pool)
    if ctx.options.autoscale_dialect.evaluates_at_enable:
        autoscale(ctx, pool)


def check_rate(ctx: Context, pool: Pool) -> None:
    """Refuse an enable call that follows the last one too soon."""
    if not pool.autoscale_changed:
        return
    since = (ctx.clock.now() - parse_stamp(pool.autoscale_changed)).total_seconds()
    if since < ctx.options.autoscale_min_seconds:
        raise BatchError("TooManyEnableAutoScaleRequests")


class Scaler:
    """The timers of autoscale: one evaluation a pool and interval."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._timers: dict[str, Timer] = {}

    def start(self) -> None:
        """Begin to evaluate the pools with autoscale."""
        for pool in self._ctx.account.pools.values():
            self.schedule(pool)

    def schedule(self, pool: Pool) -> None:
        """Set the next evaluation of a pool one interval after its last, which an earlier process
        may have made, or after the beginning of its schedule.

        Without autoscale, cancel it.
        """
        old = self._timers.pop(pool.id, None)
        if old is not None:
            old.cancel()
        if pool.autoscale and pool.state is PoolState.ACTIVE:
            interval = parse_duration(pool.spec["autoScaleEvaluationInterval"])
            last = max(pool.autoscale_run.get("timestamp", ""), pool.autoscale_began)
            due = parse_stamp(last) + interval * self._ctx.options.autoscale_interval_scale
            self._timers[pool.id] = self._ctx.clock.at(due, lambda: self._due(pool))

    def _due(self, pool: Pool) -> None:
        if pool.autoscale and pool.state is PoolState.ACTIVE:
            autoscale(self._ctx, pool)
        self.schedule(pool)
