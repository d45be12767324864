"""Starts waiting tasks on free slots whenever a task or a slot appears."""

from collections.abc import Iterable

from emulators.batch.model.node import Node
from emulators.batch.scheduler.assign import Policy, assignments
from emulators.batch.scheduler.shelf import Shelf
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.preparation import Preparations
from emulators.batch.service.running.execution import TaskRun


class Dispatcher:
    """Starts what fits when a task, a node or a job becomes ready; it uses no timer."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._preparations = Preparations(ctx)
        self._shelves: dict[str, Shelf] = {}

    def dispatch(self, pool_id: str, nodes: Iterable[Node] | None) -> None:
        """Start every task of a pool that can start now; `nodes` have changed, None means any may
        have."""
        ctx = self._ctx
        pool = ctx.account.pools.get(pool_id)
        if pool is None:
            self._shelves.pop(pool_id, None)
            return
        shelf = self._shelves.get(pool_id)
        if nodes is None or shelf is None:
            shelf = self._shelves[pool_id] = Shelf(pool.nodes.values())
        else:
            for node in nodes:
                shelf.offer(node)
        if shelf.widest() == 0:
            return
        for assignment in assignments(
            ctx.account.jobs_of(pool.id),
            shelf,
            ctx.barred,
            Policy(pool.packs, pool.runs_gangs, pool.starts_jobs_by_age),
            pool.spot_nodes,
        ):
            TaskRun(ctx, self._preparations, assignment).begin()
