"""The life of nodes: boot, start task, leaving, preemption, and what an administrator does to
them."""

from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.identity import node_name
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import NodeState
from emulators.batch.scheduler.verdict import Ending, Failure, ended_by_user, process_ended
from emulators.batch.service.context import Context, Requeue
from emulators.batch.service.nodes.node_tasks import (
    Command,
    at_rest,
    end_node_tasks,
    only_one,
    outcome_of,
    run_tries,
)
from emulators.batch.service.nodes.preparation import RELEASE, forget_preparations

_RESTARTS = {NodeState.REBOOTING: "reboot", NodeState.REIMAGING: "reimage"}
_CAPACITY_LOOK_S = 30.0
_PLANNED = {
    "ContainerInvalidImage": "The container image is invalid or cannot be pulled",
    "DiskFull": "There is not enough disk space on the node",
}


def add_node(ctx: Context, pool: Pool, *, dedicated: bool) -> Node:
    """Rent a node; it boots on its own."""
    now = stamp(ctx.clock.now())
    node = Node(
        id=node_name(dedicated),
        pool_id=pool.id,
        dedicated=dedicated,
        slots=pool.slots,
        number=pool.next_number,
        state=NodeState.CREATING,
        created=now,
        booted=now,
    )
    pool.next_number += 1
    pool.nodes[node.id] = node
    ctx.keep(node, pool)
    return node


def _subject(node: Node) -> str:
    return f"{node.pool_id}/{node.id}"


def boot(ctx: Context, pool: Pool, node: Node) -> None:
    """Begin to take a node from any state to idle, through its start task."""
    only_one(ctx, node, "boot", lambda: _boot(ctx, pool, node))


async def _boot(ctx: Context, pool: Pool, node: Node) -> None:
    if node.state is NodeState.CREATING:
        await ctx.pace.step("create", _subject(node))
        _move(ctx, node, NodeState.STARTING)
        ctx.resized(pool)
    ctx.machine.furnish(node)
    start = pool.spec.get("startTask")
    if node.state is NodeState.STARTING:
        await ctx.pace.step("start", _subject(node))
        node.booted, node.errors = stamp(ctx.clock.now()), []
        failure = await ctx.machine.equip(node, pool.spec)
        rule = ctx.faults.strike("node_unusable", _subject(node))
        if failure is not None or rule is not None:
            _give_up(ctx, node, failure or _planned(rule.code if rule else ""))
            return
        node.start_info = {"state": "running", "retryCount": 0} if start else {}
        node.left_running = False
        waits = start and start.get("waitForSuccess", True)
        _move(ctx, node, NodeState.WAITING_FOR_START_TASK if waits else NodeState.IDLE)
    ctx.wake(pool.id, node)
    if node.start_info.get("state") == "running":
        # The start task may be gone: the pool may have lost it while this service was down.
        succeeded = await _start_task(ctx, pool, node, start) if start else True
        _started(ctx, pool, node, succeeded=succeeded)


def _started(ctx: Context, pool: Pool, node: Node, *, succeeded: bool) -> None:
    """Admit a node to work after its start task, or mark it as failed."""
    if node.state is NodeState.WAITING_FOR_START_TASK:
        _move(ctx, node, NodeState.IDLE if succeeded else NodeState.START_TASK_FAILED)
        ctx.wake(pool.id, node)


def change(ctx: Context, node: Node, state: NodeState) -> None:
    """Change the state of a node."""
    node.move(state, ctx.clock.now())
    ctx.machine.note(node, f"Node is {state}")
    ctx.keep(node)


def _move(ctx: Context, node: Node, state: NodeState) -> None:
    gone = node.state in (NodeState.LEAVING_POOL, NodeState.PREEMPTED) or node.preempting
    if not gone:
        change(ctx, node, state)


def _planned(code: str) -> Failure:
    """Build the failure of a node or a start task that a rule demands."""
    message = _PLANNED.get(code, "A rule of the emulator wants this failure")
    return Failure(code, message, details={"Message": "A rule of the emulator wants this failure"})


def _give_up(ctx: Context, node: Node, failure: Failure) -> None:
    """Make a node unusable. Without a code it shows no error, as when Batch cannot reach a node."""
    if failure.code:
        shown = failure.document()
        why = {"code": shown["code"], "message": shown["message"]}
        node.errors = [{**why, "errorDetails": shown.get("details", [])}]
    ctx.machine.note(node, f"Node cannot be used, {failure.code}: {failure.message}")
    _move(ctx, node, NodeState.UNUSABLE)


async def _start_task(ctx: Context, pool: Pool, node: Node, spec: Doc) -> bool:
    info: Doc = {"state": "running", "retryCount": 0}
    node.start_info = info
    directory = ctx.folders(node).root / "startup"
    rule = ctx.faults.strike("start_task", _subject(node))
    command = Command(
        "Start task",
        lambda: ctx.machine.execution(node, spec, directory),
        info,
        int(spec.get("maxTaskRetryCount") or 0),
        lambda: _keep_present(ctx, pool, node),
        left=None if rule else ("", node.id, "startTask"),
    )
    ending = await run_tries(ctx, node, command)
    if rule is not None:
        failed = rule.code not in ("", "FailureExitCode")
        ending = Ending(failure=_planned(rule.code)) if failed else process_ended(1)
    node.left_running = command.left in ctx.left_running
    info |= outcome_of(ending, stamp(ctx.clock.now()))
    _keep_present(ctx, pool, node)
    return ending.failure is None


def _keep_present(ctx: Context, pool: Pool, node: Node) -> None:
    """Save a node unless it has left its pool, because its record must not come back."""
    if pool.nodes.get(node.id) is node:
        ctx.keep(node)


def break_runs(ctx: Context, node: Node, option: str) -> None:
    """End or requeue the tasks that run on a node."""
    for key in list(node.running.values()):
        run = ctx.runs.get(key)
        if run is not None:
            run.interrupt(ended_by_user() if option == "terminate" else Requeue())


def break_off(ctx: Context, node: Node, option: str) -> None:
    """End everything on a node that goes: its tasks, its start task, and what jobs do there."""
    break_runs(ctx, node, option)
    end_node_tasks(ctx, node)


def begin_leaving(ctx: Context, node: Node, option: str) -> None:
    """Let a node leave: at once, or after its last task."""
    if option in ("taskcompletion", "retaineddata") and node.running:
        node.draining = True
        ctx.keep(node)
        return
    _leave(ctx, node, option)


def leave_drained(ctx: Context, node: Node) -> None:
    """Let a node leave after its last task has ended."""
    if node.state is not NodeState.LEAVING_POOL:
        _leave(ctx, node, "requeue")


def _leave(ctx: Context, node: Node, option: str) -> None:
    change(ctx, node, NodeState.LEAVING_POOL)
    break_off(ctx, node, option)
    ctx.spawn(_gone(ctx, node), f"leaving of {node.id}")


async def _gone(ctx: Context, node: Node) -> None:
    await at_rest(ctx, node)
    await ctx.pace.step("leave", _subject(node))
    await ctx.machine.scrap(node)
    pool = ctx.account.pools.get(node.pool_id.lower())
    if pool is not None:
        pool.let_go(node, ctx.clock.now())
        ctx.forget(node)
        ctx.keep(pool)
        ctx.resized(pool)


def preempt(ctx: Context, pool: Pool, node: Node) -> None:
    """Take a node away as the cloud does; the pool seeks its target again.

    Batch may lose contact with the node before it learns why; then the node is unusable first.
    """
    rule = ctx.faults.strike("preemption", _subject(node))
    if rule is None or node.state is NodeState.UNUSABLE:
        _lose(ctx, pool, node)
        return
    change(ctx, node, NodeState.UNUSABLE)
    node.preempting = True
    break_off(ctx, node, "requeue")
    ctx.spawn(finish_preemption(ctx, pool, node, rule.delay_s), f"preemption of {node.id}")


async def finish_preemption(ctx: Context, pool: Pool, node: Node, delay_s: float = 0.0) -> None:
    """Make a node preempted that was unusable first, unless it leaves its pool."""
    if delay_s:
        await ctx.clock.sleep(delay_s)
    if node.state is NodeState.UNUSABLE and node.preempting:
        _lose(ctx, pool, node)


def _lose(ctx: Context, pool: Pool, node: Node) -> None:
    change(ctx, node, NodeState.PREEMPTED)
    node.preempting = False
    break_off(ctx, node, "requeue")
    ctx.spawn(come_back(ctx, pool, node), f"return of {node.id}")


async def come_back(ctx: Context, pool: Pool, node: Node) -> None:
    """Rent a machine for a preempted node again, once the market has one."""
    await at_rest(ctx, node)
    await ctx.pace.step("return", _subject(node))
    while node.state is NodeState.PREEMPTED and not _has_capacity(ctx):
        await ctx.clock.sleep(_CAPACITY_LOOK_S)
    if node.state is NodeState.PREEMPTED:
        await ctx.machine.scrap(node)
        forget_preparations(ctx, node)
        change(ctx, node, NodeState.CREATING)
        boot(ctx, pool, node)


def spot_nodes(ctx: Context) -> int:
    """Return how many spot nodes the account has, without preempted ones."""
    return sum(
        1
        for pool in ctx.account.pools.values()
        for node in pool.nodes.values()
        if not node.dedicated and node.state is not NodeState.PREEMPTED
    )


def _has_capacity(ctx: Context) -> bool:
    return ctx.spot_capacity is None or spot_nodes(ctx) < ctx.spot_capacity


def restart(ctx: Context, pool: Pool, node: Node, through: NodeState, option: str) -> None:
    """Reboot or reimage a node that is idle or running."""
    _take_out(ctx, node, through, option)
    ctx.spawn(finish_restart(ctx, pool, node, through), f"restart of {node.id}")


def _take_out(ctx: Context, node: Node, through: NodeState, option: str) -> None:
    """Take a node out of service; its tasks end, are requeued, or finish first."""
    if node.state not in READY:
        raise BatchError("OperationInvalidForCurrentState")
    change(ctx, node, through)
    if option not in ("taskcompletion", "retaineddata"):
        break_runs(ctx, node, option)


def deallocate(ctx: Context, node: Node, option: str) -> None:
    """Give a node's machine back without removing the node from its pool."""
    _take_out(ctx, node, NodeState.DEALLOCATING, option)
    ctx.spawn(finish_deallocation(ctx, node), f"deallocation of {node.id}")


async def finish_deallocation(ctx: Context, node: Node) -> None:
    """Make a node deallocated once nothing runs on it."""
    await at_rest(ctx, node)
    await ctx.pace.step("deallocate", _subject(node))
    if node.state is NodeState.DEALLOCATING:
        _move(ctx, node, NodeState.DEALLOCATED)


def start(ctx: Context, pool: Pool, node: Node) -> None:
    """Rent a machine for a deallocated node again."""
    if node.state is not NodeState.DEALLOCATED:
        raise BatchError("OperationInvalidForCurrentState")
    _move(ctx, node, NodeState.STARTING)
    forget_preparations(ctx, node)
    boot(ctx, pool, node)


async def finish_restart(ctx: Context, pool: Pool, node: Node, through: NodeState) -> None:
    """Boot a node again once nothing runs on it; then its preparations must run again."""
    # A release would have to run again after a reboot, so it may finish first.
    await at_rest(ctx, node, spared={RELEASE} if through is NodeState.REBOOTING else ())
    await ctx.pace.step(_RESTARTS[through], _subject(node))
    if through is NodeState.REIMAGING:
        await ctx.machine.scrap(node)
    forget_preparations(ctx, node, rebooted=through is NodeState.REBOOTING)
    _move(ctx, node, NodeState.STARTING)
    boot(ctx, pool, node)


def set_scheduling(ctx: Context, node: Node, target: str) -> None:
    """Allow or forbid new tasks on a node."""
    if node.scheduling == target:
        raise BatchError("NodeAlreadyInTargetSchedulingState")
    node.scheduling = target
    ctx.machine.note(node, f"Scheduling is {target}")
    ctx.keep(node)
    ctx.wake(node.pool_id, node)
