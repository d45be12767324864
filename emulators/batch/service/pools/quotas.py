"""What the account may have at once: nodes, their cores by kind, pools."""

from emulators.batch.errors import BatchError
from emulators.batch.model.pool import Pool
from emulators.batch.service.context import Context
from emulators.batch.vm_sizes import cores_of


def require_room_for_pool(ctx: Context) -> None:
    """Refuse a pool above the account's quota."""
    if len(ctx.account.pools) >= ctx.options.pool_quota:
        raise BatchError("PoolQuotaReached")


def room(ctx: Context, pool: Pool, *, dedicated: bool) -> int:
    """Return how many more nodes of one kind a pool may get."""
    options, pools = ctx.options, ctx.account.pools.values()
    nodes = options.node_quota - sum(len(one.nodes) for one in pools)
    quota = options.dedicated_core_quota if dedicated else options.low_priority_core_quota
    if quota is not None:
        used = sum(_cores(one, dedicated) for one in pools)
        nodes = min(nodes, (quota - used) // cores_of(pool.vm_size))
    return max(0, nodes)


def _cores(pool: Pool, dedicated: bool) -> int:
    nodes = sum(1 for node in pool.nodes.values() if node.dedicated is dedicated)
    return nodes * cores_of(pool.vm_size)
