"""The operations of pools."""

from emulators.batch.document import Doc
from emulators.batch.model.pool import Pool
from emulators.batch.model.statistics import statistics_of_pool
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.pools.resize import require_usable, stop_resize
from emulators.batch.wire.call import Call, Reply, Route, described, in_order

_STATES = [
    "creating",
    "idle",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "leavingPool",
    "unknown",
    "unusable",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
]


def _pool(app: Emulator, call: Call) -> Pool:
    pool = app.ctx.account.pool(call.params["poolId"])
    call.condition(pool)
    return pool


def _shown(app: Emulator, call: Call, pool: Pool) -> Doc:
    now = app.ctx.clock.now()
    return call.expanded(pool.document(call.base), lambda url: statistics_of_pool(pool, url, now))


def _serial(pool: Pool) -> int:
    return pool.serial


def create_pool(app: Emulator, call: Call) -> Reply:
    """Create a pool."""
    pool = app.pools.create(call.body)
    return Reply(thing=pool, location=f"{call.base}/pools/{pool.id}")


def list_pools(app: Emulator, call: Call) -> Reply:
    """List the pools."""
    pools = app.ctx.account.pools
    walk = in_order(pools.values(), _serial, lambda pool: _shown(app, call, pool))
    return call.listed("pools", properties.POOLS, walk)


def get_pool(app: Emulator, call: Call) -> Reply:
    """Show one pool."""
    pool = _pool(app, call)
    return call.one("pools", _shown(app, call, pool), pool)


def pool_exists(app: Emulator, call: Call) -> Reply:
    """Tell whether a pool exists."""
    return Reply(thing=_pool(app, call))


def delete_pool(app: Emulator, call: Call) -> Reply:
    """Begin to delete a pool."""
    app.pools.delete(_pool(app, call))
    return Reply()


def update_pool(app: Emulator, call: Call) -> Reply:
    """Change what is present."""
    pool = _pool(app, call)
    app.pools.patch(pool, call.body)
    return Reply(thing=pool)


def replace_pool_properties(app: Emulator, call: Call) -> Reply:
    """Set everything updatable."""
    pool = _pool(app, call)
    app.pools.replace(pool, call.body)
    return Reply(thing=pool)


def enable_pool_auto_scale(app: Emulator, call: Call) -> Reply:
    """Turn autoscale on."""
    pool = _pool(app, call)
    app.pools.enable_autoscale(pool, call.body)
    return Reply(thing=pool)


def disable_pool_auto_scale(app: Emulator, call: Call) -> Reply:
    """Turn autoscale off."""
    pool = _pool(app, call)
    app.pools.disable_autoscale(pool)
    return Reply(thing=pool)


def evaluate_pool_auto_scale(app: Emulator, call: Call) -> Reply:
    """Evaluate a formula without following it."""
    pool = _pool(app, call)
    run: Doc = app.pools.evaluate(pool, call.body)
    return Reply(body={"odata.metadata": described(call.base, "AutoScaleRun"), **run})


def resize_pool(app: Emulator, call: Call) -> Reply:
    """Begin to resize a pool."""
    pool = _pool(app, call)
    app.pools.resize(pool, call.body)
    return Reply(thing=pool)


def stop_pool_resize(app: Emulator, call: Call) -> Reply:
    """Break a resize off."""
    pool = _pool(app, call)
    require_usable(pool)
    stop_resize(app.ctx, pool)
    return Reply(thing=pool)


def remove_pool_nodes(app: Emulator, call: Call) -> Reply:
    """Take named nodes out of a pool."""
    pool = _pool(app, call)
    app.pools.remove_nodes(pool, call.body)
    return Reply(thing=pool)


def list_pool_node_counts(app: Emulator, call: Call) -> Reply:
    """Count the nodes of every pool by state."""
    pools = app.ctx.account.pools
    walk = in_order(pools.values(), _serial, _counts)
    return call.listed("poolnodecounts", properties.NODE_COUNTS, walk, most=10)


def _counts(pool: Pool) -> Doc:
    shown: Doc = {"poolId": pool.id}
    for kind, dedicated in (("dedicated", True), ("lowPriority", False)):
        states = [str(node.state) for node in pool.nodes.values() if node.dedicated is dedicated]
        shown[kind] = {name: states.count(name.lower()) for name in _STATES} | {
            "total": len(states)
        }
    return shown


ROUTES = (
    Route("create_pool", "POST", "/pools", 201, create_pool),
    Route("list_pools", "GET", "/pools", 200, list_pools),
    Route("begin_delete_pool", "DELETE", "/pools/{poolId}", 202, delete_pool),
    Route("pool_exists", "HEAD", "/pools/{poolId}", 200, pool_exists),
    Route("get_pool", "GET", "/pools/{poolId}", 200, get_pool),
    Route("update_pool", "PATCH", "/pools/{poolId}", 200, update_pool),
    Route(
        "disable_pool_auto_scale",
        "POST",
        "/pools/{poolId}/disableautoscale",
        200,
        disable_pool_auto_scale,
    ),
    Route(
        "enable_pool_auto_scale",
        "POST",
        "/pools/{poolId}/enableautoscale",
        200,
        enable_pool_auto_scale,
    ),
    Route(
        "evaluate_pool_auto_scale",
        "POST",
        "/pools/{poolId}/evaluateautoscale",
        200,
        evaluate_pool_auto_scale,
    ),
    Route("begin_resize_pool", "POST", "/pools/{poolId}/resize", 202, resize_pool),
    Route("begin_stop_pool_resize", "POST", "/pools/{poolId}/stopresize", 202, stop_pool_resize),
    Route(
        "replace_pool_properties",
        "POST",
        "/pools/{poolId}/updateproperties",
        204,
        replace_pool_properties,
    ),
    Route("begin_remove_nodes", "POST", "/pools/{poolId}/removenodes", 202, remove_pool_nodes),
    Route("list_pool_node_counts", "GET", "/nodecounts", 200, list_pool_node_counts),
)
