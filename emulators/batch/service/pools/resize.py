"""Brings a pool from the nodes that it has to the nodes that it should have."""

from datetime import timedelta

from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.errors import BatchError
from emulators.batch.faults import Rule
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, NodeState, PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.life import add_node, begin_leaving, boot, spot_nodes
from emulators.batch.service.pools.quotas import room
from emulators.batch.service.pools.resize_errors import (
    CAPACITY,
    STOPPED,
    TIMEOUT,
    quota_error,
    resize_error,
)
from emulators.batch.service.running.job_manager import runs_manager

_COMING = frozenset({NodeState.CREATING})


def require_usable(pool: Pool, *, steady: bool = False) -> None:
    """Refuse work on a pool that is being deleted, or resized where that matters."""
    if pool.state is PoolState.DELETING:
        raise BatchError("PoolBeingDeleted")
    if steady and pool.allocation is not Allocation.STEADY:
        raise BatchError("PoolBeingResized")


def resize(
    ctx: Context,
    pool: Pool,
    dedicated: int,
    spot: int,
    option: str,
    limit_s: float | None = None,
) -> None:
    """Give the pool a new target and begin to go there; a later target may replace this one.

    The pool gives up after `limit_s` seconds; without a limit it never does.
    """
    pool.target_dedicated, pool.target_spot, pool.deallocation = dedicated, spot, option
    pool.resize_errors = []
    if pool.allocation is Allocation.STEADY:
        pool.allocate(Allocation.RESIZING, ctx.clock.now())
    ctx.keep(pool)
    _seek(ctx, pool)
    _watch_limit(ctx, pool, limit_s)


def _watch_limit(ctx: Context, pool: Pool, limit_s: float | None) -> None:
    old = ctx.resize_limits.pop(pool.id, None)
    if old is not None:
        old.cancel()
    pool.resize_until = ""
    if limit_s is not None and pool.allocation is Allocation.RESIZING:
        ctx.resize_limits[pool.id] = ctx.clock.after(limit_s, lambda: _give_up(ctx, pool))
        pool.resize_until = stamp(ctx.clock.now() + timedelta(seconds=limit_s))
    ctx.keep(pool)


def _give_up(ctx: Context, pool: Pool) -> None:
    """Leave a pool with the nodes that it has, and stop waiting for nodes that come or go."""
    ctx.resize_limits.pop(pool.id, None)
    if pool.allocation is not Allocation.RESIZING or pool.state is PoolState.DELETING:
        return
    late = [resize_error(TIMEOUT, dedicated=kind) for kind in (True, False) if _moves(pool, kind)]
    pool.resize_errors = [*pool.resize_errors, *(late or [resize_error(TIMEOUT)])]
    _stay_as_it_is(ctx, pool)
    pool.allocate(Allocation.STOPPING, ctx.clock.now())
    ctx.keep(pool)
    check_steady(ctx, pool)


def _moves(pool: Pool, dedicated: bool) -> bool:
    """Tell whether nodes of a kind are missing, or still come or go."""
    there = [one for one in _of_kind(pool, dedicated) if one.state not in _COMING]
    staying = sum(1 for node in there if not node.draining)
    return staying != pool.target(dedicated) or staying != len(there)


def _stay_as_it_is(ctx: Context, pool: Pool) -> None:
    stop_allocating(ctx, pool)
    for node in list(pool.nodes.values()):
        if node.state in _COMING:
            begin_leaving(ctx, node, "requeue")
        elif node.draining:
            _keep_node(ctx, pool, node)


def _keep_node(ctx: Context, pool: Pool, node: Node) -> None:
    """Keep a node that was to leave after its last task."""
    node.draining = False
    ctx.keep(node)
    ctx.wake(pool.id, node)


def _seek(ctx: Context, pool: Pool) -> None:
    """Go from the nodes of a pool to its target: surplus nodes leave now, missing ones are
    sought."""
    missing = 0
    for dedicated in (True, False):
        staying = [node for node in _of_kind(pool, dedicated) if not node.draining]
        surplus = len(staying) - pool.target(dedicated)
        if surplus > 0:
            # Nodes with job managers leave last.
            victims = sorted(
                staying, key=lambda node: (runs_manager(ctx, node), node.used, -node.number)
            )
            for node in victims[:surplus]:
                begin_leaving(ctx, node, pool.deallocation)
        else:
            missing += _missing(ctx, pool, dedicated)
    if missing:
        _begin_allocating(ctx, pool)
    else:
        stop_allocating(ctx, pool)
    check_steady(ctx, pool)


def _missing(ctx: Context, pool: Pool, dedicated: bool) -> int:
    """Return how many nodes of a kind are missing, after we keep those that were to leave."""
    nodes = _of_kind(pool, dedicated)
    going = [node for node in nodes if node.draining and node.state in READY]
    missing = pool.target(dedicated) - sum(1 for node in nodes if not node.draining)
    for node in going[: max(0, missing)]:
        _keep_node(ctx, pool, node)
    return max(0, missing - len(going))


def _begin_allocating(ctx: Context, pool: Pool) -> None:
    """Look for machines; what counts is the target at the time when they come."""
    if pool.id not in ctx.allocating:
        task = ctx.spawn(_allocate(ctx, pool), f"allocation for {pool.id}")
        if not task.done():
            ctx.allocating[pool.id] = task


async def _allocate(ctx: Context, pool: Pool) -> None:
    await ctx.pace.step("allocate", pool.id)
    for dedicated in (True, False):
        await _rent(ctx, pool, dedicated)
    ctx.allocating.pop(pool.id, None)
    check_steady(ctx, pool)


def stop_allocating(ctx: Context, pool: Pool) -> None:
    """Stop looking for machines."""
    task = ctx.allocating.pop(pool.id, None)
    if task is not None:
        task.cancel()


def resume_resize(ctx: Context, pool: Pool) -> None:
    """Continue a resize of the last process, in the time that is left."""
    seek_again(ctx, pool)
    if pool.resize_until:
        left = parse_stamp(pool.resize_until) - ctx.clock.now()
        _watch_limit(ctx, pool, max(0.0, left.total_seconds()))


def seek_again(ctx: Context, pool: Pool) -> None:
    """Continue a resize that waits for spot capacity."""
    if pool.allocation is Allocation.RESIZING and pool.state is PoolState.ACTIVE:
        _seek(ctx, pool)


async def _rent(ctx: Context, pool: Pool, dedicated: bool) -> None:
    rule = _shortage(ctx, pool, dedicated)
    if rule is not None and rule.delay_s:
        await ctx.clock.sleep(rule.delay_s)
    missing, allowed = _missing(ctx, pool, dedicated), room(ctx, pool, dedicated=dedicated)
    if missing > allowed:
        _note(ctx, pool, quota_error(dedicated=dedicated))
    if rule is not None and missing > rule.nodes:
        allowed = min(allowed, rule.nodes)
        _note(ctx, pool, resize_error(rule.code or CAPACITY, dedicated=dedicated))
    if not dedicated and ctx.spot_capacity is not None:
        allowed = min(allowed, max(0, ctx.spot_capacity - spot_nodes(ctx)))
    for _ in range(min(missing, allowed)):
        boot(ctx, pool, add_node(ctx, pool, dedicated=dedicated))


def _shortage(ctx: Context, pool: Pool, dedicated: bool) -> Rule | None:
    """Return the rule that keeps machines from a pool that needs some, or None."""
    if not _missing(ctx, pool, dedicated):
        return None
    kind = "dedicated" if dedicated else "spot"
    return ctx.faults.strike("allocation", f"{pool.id}/{kind}")


def _note(ctx: Context, pool: Pool, error: Doc) -> None:
    """Add an error to those of the current resize, once."""
    pool.resize_errors = [*(one for one in pool.resize_errors if one != error), error]
    ctx.keep(pool)


def _of_kind(pool: Pool, dedicated: bool) -> list[Node]:
    return [
        node
        for node in pool.nodes.values()
        if node.dedicated is dedicated and node.state is not NodeState.LEAVING_POOL
    ]


def check_steady(ctx: Context, pool: Pool) -> None:
    """Make a pool steady when no node comes or goes any more."""
    is_gone = ctx.account.pools.get(pool.id.lower()) is not pool
    if pool.allocation is Allocation.STEADY or is_gone:
        return
    moving = any(
        node.state in _COMING or node.state is NodeState.LEAVING_POOL or node.draining
        for node in pool.nodes.values()
    )
    if not moving and pool.id not in ctx.allocating and not _waits_for_capacity(ctx, pool):
        pool.allocate(Allocation.STEADY, ctx.clock.now())
        ctx.keep(pool)
        ctx.wake(pool.id)


def _waits_for_capacity(ctx: Context, pool: Pool) -> bool:
    """Tell whether spot nodes are missing that the market may still offer later."""
    short = pool.current(False) < pool.target_spot and not pool.resize_errors
    return ctx.spot_capacity is not None and short and pool.allocation is Allocation.RESIZING


def stop_resize(ctx: Context, pool: Pool) -> None:
    """Break a resize off: the pool stays at its present size."""
    if pool.allocation is not Allocation.RESIZING:
        raise BatchError("OperationInvalidForCurrentState")
    pool.allocate(Allocation.STOPPING, ctx.clock.now())
    _stay_as_it_is(ctx, pool)
    pool.target_dedicated, pool.target_spot = pool.current(True), pool.current(False)
    pool.resize_errors = [resize_error(STOPPED)]
    ctx.keep(pool)
    check_steady(ctx, pool)


def remove_nodes(
    ctx: Context, pool: Pool, names: list[str], option: str, limit_s: float | None = None
) -> None:
    """Remove named nodes from the pool and lower its target to those that stay."""
    nodes = [pool.node(name) for name in dict.fromkeys(names)]
    pool.allocate(Allocation.RESIZING, ctx.clock.now())
    pool.deallocation, pool.resize_errors = option, []
    for node in nodes:
        begin_leaving(ctx, node, option)
    pool.target_dedicated, pool.target_spot = (
        sum(1 for node in _of_kind(pool, dedicated) if not node.draining)
        for dedicated in (True, False)
    )
    ctx.keep(pool)
    check_steady(ctx, pool)
    _watch_limit(ctx, pool, limit_s)
