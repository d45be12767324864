"""Brings a pool from the nodes it has to the nodes it shall have."""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, NodeState, PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.nodes import add_node, begin_leaving, boot

_COMING = frozenset({NodeState.CREATING})


def require_usable(pool: Pool, *, steady: bool = False) -> None:
    """Refuse work on a pool that goes, or that is being resized where that matters."""
    if pool.state is PoolState.DELETING:
        raise BatchError("PoolBeingDeleted")
    if steady and pool.allocation is not Allocation.STEADY:
        raise BatchError("PoolBeingResized")


def resize(ctx: Context, pool: Pool, dedicated: int, spot: int, option: str) -> None:
    """Give the pool a new target and begin to go there; a later target may replace this one."""
    pool.target_dedicated, pool.target_spot, pool.deallocation = dedicated, spot, option
    pool.resize_errors = []
    if pool.allocation is Allocation.STEADY:
        pool.allocate(Allocation.RESIZING, ctx.clock.now())
    ctx.keep(pool)
    _seek(ctx, pool)
    check_steady(ctx, pool)


def _seek(ctx: Context, pool: Pool) -> None:
    for dedicated in (True, False):
        missing = pool.target(dedicated) - pool.current(dedicated)
        if missing > 0:
            _grow(ctx, pool, missing, dedicated)
        elif missing < 0:
            for node in _victims(pool, dedicated)[:-missing]:
                begin_leaving(ctx, node, pool.deallocation)


def _grow(ctx: Context, pool: Pool, missing: int, dedicated: bool) -> None:
    for node in pool.nodes.values():
        # A node that was to go after its last task may as well stay.
        if missing > 0 and node.draining and node.dedicated is dedicated and node.state in READY:
            node.draining = False
            ctx.keep(node)
            ctx.wake(pool.id, node)
    rented = sum(len(one.nodes) for one in ctx.account.pools.values())
    allowed = max(0, ctx.options.node_quota - rented)
    if missing > allowed:
        code = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
        pool.resize_errors = [_resize_error(code, "The account has reached its core quota")]
    for _ in range(min(missing, allowed)):
        ctx.spawn(_boot(ctx, pool, add_node(ctx, pool, dedicated=dedicated)), f"boot in {pool.id}")


async def _boot(ctx: Context, pool: Pool, node: Node) -> None:
    await boot(ctx, pool, node)
    check_steady(ctx, pool)


def _victims(pool: Pool, dedicated: bool) -> list[Node]:
    staying = [node for node in pool.nodes.values() if node.dedicated is dedicated and _stays(node)]
    return sorted(staying, key=lambda node: (node.draining is False, node.used, -node.number))


def _stays(node: Node) -> bool:
    return node.state is not NodeState.LEAVING_POOL


def check_steady(ctx: Context, pool: Pool) -> None:
    """Call a pool steady when nothing comes or goes any more."""
    if pool.allocation is Allocation.STEADY:
        return
    moving = any(
        node.state in _COMING or node.state is NodeState.LEAVING_POOL or node.draining
        for node in pool.nodes.values()
    )
    if not moving:
        pool.allocate(Allocation.STEADY, ctx.clock.now())
        ctx.keep(pool)
        ctx.wake(pool.id)


def stop_resize(ctx: Context, pool: Pool) -> None:
    """Break a resize off: the pool stays at the size it has."""
    if pool.allocation is not Allocation.RESIZING:
        raise BatchError("OperationInvalidForCurrentState")
    pool.allocate(Allocation.STOPPING, ctx.clock.now())
    for node in pool.nodes.values():
        node.draining = False
    ctx.wake(pool.id)
    pool.target_dedicated, pool.target_spot = pool.current(True), pool.current(False)
    pool.resize_errors = [_resize_error("ResizeStopped", "The resize was stopped")]
    ctx.keep(pool)
    check_steady(ctx, pool)


def remove_nodes(ctx: Context, pool: Pool, names: list[str], option: str) -> None:
    """Take named nodes out of the pool and lower its target accordingly."""
    nodes = [pool.node(name) for name in names]
    pool.allocate(Allocation.RESIZING, ctx.clock.now())
    pool.deallocation = option
    for node in nodes:
        if node.dedicated:
            pool.target_dedicated = max(0, pool.target_dedicated - 1)
        else:
            pool.target_spot = max(0, pool.target_spot - 1)
        begin_leaving(ctx, node, option)
    ctx.keep(pool)
    check_steady(ctx, pool)


def _resize_error(code: str, message: str) -> Doc:
    return {"code": code, "message": message}
