"""Pools: created, changed, resized, scaled, deleted."""

from emulators.batch.document import Doc, seconds_of, stamp
from emulators.batch.errors import BatchError, invalid
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import NodeState, PoolState
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.life import break_off, change
from emulators.batch.service.nodes.node_tasks import at_rest
from emulators.batch.service.pools.quotas import require_room_for_pool
from emulators.batch.service.pools.resize import (
    remove_nodes,
    require_usable,
    resize,
    stop_allocating,
)
from emulators.batch.service.pools.sampling import forget_samples
from emulators.batch.service.pools.scaling import (
    Scaler,
    autoscale,
    check_formula,
    check_interval,
    check_rate,
    enable,
    run_formula,
)
from emulators.batch.service.running.job_manager import fit_manager
from emulators.batch.vm_sizes import told_cores

_ALWAYS = ("startTask", "applicationPackageReferences", "metadata", "targetNodeCommunicationMode")
_WHILE_EMPTY = (
    "displayName",
    "vmSize",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
    "userAccounts",
    "virtualMachineConfiguration",
    "networkConfiguration",
    "enableInterNodeCommunication",
    "mountConfiguration",
    "upgradePolicy",
    "resourceTags",
)
_RESIZE_TIMEOUT = "PT15M"
_SLOTS_A_CORE = 4


class Pools:
    """The verbs of pools."""

    def __init__(self, ctx: Context, scaler: Scaler) -> None:
        self._ctx, self._scaler = ctx, scaler

    def create(self, body: Doc) -> Pool:
        """Create a pool and begin to fill it."""
        ctx = self._ctx
        pool_id: str = body["id"]
        if pool_id.lower() in ctx.account.pools:
            raise BatchError("PoolExists")
        require_room_for_pool(ctx)
        scales = bool(body.get("enableAutoScale"))
        dedicated, spot = _targets(body)
        self._check_packages(body)
        _check_slots(body)
        self._check_subnet(body)
        if scales:
            _check_autoscale(ctx, body)
        pool = Pool(
            id=pool_id, spec=dict(body), state=PoolState.ACTIVE, created=stamp(ctx.clock.now())
        )
        ctx.account.pools[pool_id.lower()] = pool
        ctx.keep(pool)
        # Jobs may have waited for it, or for another pool with its name.
        self._fit_managers(pool)
        if scales:
            enable(ctx, pool, body["autoScaleFormula"], body.get("autoScaleEvaluationInterval"))
            pool.autoscale_changed = ""
            if not pool.autoscale_run:
                autoscale(ctx, pool)  # a creation evaluates in every dialect
            self._scaler.schedule(pool)
        else:
            resize(ctx, pool, dedicated, spot, "requeue", _limit_s(body))
        return pool

    def patch(self, pool: Pool, body: Doc) -> None:
        """Change the properties that are present, each as a whole; most of them only in an empty
        pool."""
        require_usable(pool)
        self._check_packages(body)
        fixed = [name for name in _WHILE_EMPTY if name in body]
        if fixed and pool.nodes:
            detail = f"{fixed[0]} can be updated only when the pool is empty."
            raise BatchError("OperationInvalidForCurrentState", detail)
        _check_slots({**pool.spec, **body})
        self._check_subnet(body)
        pool.spec |= {name: body[name] for name in (*_ALWAYS, *fixed) if name in body}
        self._fit_managers(pool)
        self._edited(pool)

    def replace(self, pool: Pool, body: Doc) -> None:
        """Set the updatable properties; omitted ones are cleared."""
        require_usable(pool)
        self._check_packages(body)
        for name in _ALWAYS:
            pool.spec.pop(name, None)
            if name in body:
                pool.spec[name] = body[name]
        self._edited(pool)

    def _fit_managers(self, pool: Pool) -> None:
        for job in self._ctx.account.jobs_of(pool.id):
            fit_manager(self._ctx, job)

    def _check_packages(self, body: Doc) -> None:
        for one in body.get("applicationPackageReferences") or ():
            if self._ctx.catalogue.find(one) is None:
                name = str(one.get("applicationId"))
                raise BatchError("InvalidApplicationPackageReferences", ApplicationId=name)

    def _check_subnet(self, body: Doc) -> None:
        """Refuse a subnet that the account may not join, where the options name some."""
        wanted = (body.get("networkConfiguration") or {}).get("subnetId")
        joinable = self._ctx.options.joinable_subnets
        if wanted and joinable and wanted.rstrip("/").lower() not in joinable:
            reason = "The subnet does not exist, or the Batch service may not join it."
            raise invalid("subnetId", wanted, reason)

    def resize(self, pool: Pool, body: Doc) -> None:
        """Give a pool of fixed size another size."""
        require_usable(pool, steady=True)
        if pool.autoscale:
            raise BatchError("OperationInvalidForCurrentState", "Disable autoscale first.")
        resize(
            self._ctx,
            pool,
            body.get("targetDedicatedNodes", pool.target_dedicated),
            body.get("targetLowPriorityNodes", pool.target_spot),
            _deallocation_option(body),
            _limit_s(_with_timeout(pool, body)),
        )
        self._edited(pool)

    def remove_nodes(self, pool: Pool, body: Doc) -> None:
        """Take named nodes out of a pool."""
        require_usable(pool, steady=True)
        remove_nodes(
            self._ctx,
            pool,
            body["nodeList"],
            _deallocation_option(body),
            _limit_s(_with_timeout(pool, body)),
        )

    def enable_autoscale(self, pool: Pool, body: Doc) -> None:
        """Turn autoscale on, or change its formula; refused while the pool resizes, and too soon
        after the last call."""
        require_usable(pool, steady=True)
        check_rate(self._ctx, pool)
        enable(
            self._ctx, pool, body.get("autoScaleFormula"), body.get("autoScaleEvaluationInterval")
        )
        self._scaler.schedule(pool)
        self._edited(pool)

    def disable_autoscale(self, pool: Pool) -> None:
        """Turn autoscale off; the pool keeps its size."""
        require_usable(pool)
        pool.autoscale = False
        self._scaler.schedule(pool)
        self._edited(pool)

    def evaluate(self, pool: Pool, body: Doc) -> Doc:
        """Return what a formula would do now."""
        require_usable(pool)
        if not pool.autoscale:
            raise BatchError(
                "OperationInvalidForCurrentState", "Autoscale is not enabled on the pool."
            )
        check_formula(self._ctx, body["autoScaleFormula"])
        return run_formula(self._ctx, pool, body["autoScaleFormula"])[1]

    def delete(self, pool: Pool) -> None:
        """Begin to delete a pool; its tasks go back to their jobs."""
        require_usable(pool)
        ctx = self._ctx
        pool.move(PoolState.DELETING, ctx.clock.now())
        ctx.keep(pool)
        self._scaler.schedule(pool)
        ctx.spawn(remove_pool(ctx, pool), f"deletion of {pool.id}")

    def _edited(self, pool: Pool) -> None:
        pool.edited(self._ctx.clock.now())
        self._ctx.keep(pool)


async def remove_pool(ctx: Context, pool: Pool) -> None:
    """Remove all nodes of a deleted pool, then the pool."""
    stop_allocating(ctx, pool)
    for node in pool.nodes.values():
        if node.state is not NodeState.LEAVING_POOL:
            change(ctx, node, NodeState.LEAVING_POOL)
        break_off(ctx, node, "requeue")
    await ctx.pace.step("delete", pool.id)
    for node in list(pool.nodes.values()):
        await at_rest(ctx, node)
    for node in list(pool.nodes.values()):
        await ctx.machine.scrap(node)
        pool.nodes.pop(node.id, None)
        ctx.forget(node)
    ctx.account.pools.pop(pool.id.lower(), None)
    forget_samples(ctx, pool)
    ctx.forget(pool)


def _check_slots(spec: Doc) -> None:
    """Limit the slots of a node by its cores, if the name of its size tells them."""
    slots, cores = int(spec.get("taskSlotsPerNode") or 1), told_cores(str(spec.get("vmSize") or ""))
    if cores is not None and slots > _SLOTS_A_CORE * cores:
        reason = f"A node of {cores} cores has at most {_SLOTS_A_CORE * cores} slots."
        raise invalid("taskSlotsPerNode", slots, reason)


def _with_timeout(pool: Pool, body: Doc) -> Doc:
    """Let the pool show the timeout of its latest resize; return the request's body."""
    pool.spec["resizeTimeout"] = body.get("resizeTimeout") or _RESIZE_TIMEOUT
    return body


def _limit_s(body: Doc) -> float | None:
    return seconds_of(body.get("resizeTimeout") or _RESIZE_TIMEOUT)


def _deallocation_option(body: Doc) -> str:
    """Return what happens to tasks on nodes that leave."""
    return str(body.get("nodeDeallocationOption", "requeue")).lower()


def _targets(body: Doc) -> tuple[int, int]:
    return body.get("targetDedicatedNodes", 0), body.get("targetLowPriorityNodes", 0)


def _check_autoscale(ctx: Context, body: Doc) -> None:
    if not body.get("autoScaleFormula"):
        raise BatchError("InvalidAutoScalingSettings", "enableAutoScale needs a formula.")
    check_formula(ctx, body["autoScaleFormula"])
    if body.get("autoScaleEvaluationInterval"):
        check_interval(body["autoScaleEvaluationInterval"])
