"""Brings free slots and waiting tasks together whenever one of them appears."""

from emulators.batch.scheduler.assign import assignments
from emulators.batch.scheduler.shelf import Shelf
from emulators.batch.service.context import Context
from emulators.batch.service.execution import TaskRun
from emulators.batch.service.preparation import Preparations


class Dispatcher:
    """Starts what fits; called when a task, a node or a job becomes ready, never on a timer."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._preparations = Preparations(ctx)

    def dispatch(self, pool_id: str) -> None:
        """Start every task of a pool that can start now."""
        ctx = self._ctx
        pool = ctx.account.pools.get(pool_id)
        if pool is None:
            return
        shelf = Shelf(pool.nodes.values())
        if shelf.widest() == 0:
            return
        for assignment in assignments(
            ctx.account.jobs_of(pool.id), shelf, ctx.barred, pack=pool.packs
        ):
            TaskRun(ctx, self._preparations, assignment).begin()
