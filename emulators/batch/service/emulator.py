"""The whole service without its wire: built from options, started on what the last process left,
closed in order."""

import aiohttp

from emulators.batch.agent.client import AgentClient
from emulators.batch.clock import Clock
from emulators.batch.faults import Faults
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState, NodeState, PoolState, TaskState
from emulators.batch.options import Options
from emulators.batch.packages.catalogue import Catalogue
from emulators.batch.scheduler.verdict import ended_by_user
from emulators.batch.service.context import Context, log
from emulators.batch.service.jobs.auto_pools import AutoPools
from emulators.batch.service.jobs.jobs import Jobs, finish_deletion, finish_enabling
from emulators.batch.service.jobs.schedules import Schedules
from emulators.batch.service.jobs.tasks import Tasks
from emulators.batch.service.machines.real import RealMachine
from emulators.batch.service.machines.simulated import SimulatedMachine
from emulators.batch.service.nodes.life import (
    boot,
    come_back,
    finish_deallocation,
    finish_preemption,
    finish_restart,
    leave_drained,
)
from emulators.batch.service.nodes.preparation import bar_again, forget_cut_off, watch_files_again
from emulators.batch.service.nodes.retention import Retention
from emulators.batch.service.pace import Pace
from emulators.batch.service.pools.pools import Pools, remove_pool
from emulators.batch.service.pools.resize import check_steady, resume_resize
from emulators.batch.service.pools.sampling import Sampler
from emulators.batch.service.pools.scaling import Scaler
from emulators.batch.service.pools.spot import SpotMarket, read_trace
from emulators.batch.service.running.completion import (
    check_all_complete,
    complete_task,
    resume_termination,
    settle_disabling,
)
from emulators.batch.service.running.dispatch import Dispatcher
from emulators.batch.service.running.execution import put_back
from emulators.batch.store import Keeper, NotSaved
from emulators.batch.transfer.blobs import Blobs
from emulators.batch.transfer.identities import Identities


class Emulator:
    """All verbs over one account."""

    def __init__(
        self,
        options: Options,
        store: Keeper,
        session: aiohttp.ClientSession,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or Clock(options.clock_speed, store.clock_ahead_s())
        self.ctx = Context(
            options=options,
            clock=clock,
            account=store.load(),
            store=store,
            faults=Faults(options.profile, options.seed),
            agent=AgentClient(options.data / "nodes"),
            blobs=Blobs(session),
            identities=Identities.read(
                options.identities,
                public_urls=options.public_urls,
                auto_storage=options.auto_storage,
            ),
            catalogue=Catalogue(options.applications),
            pace=Pace(options.timing, clock, options.timing_profile, options.seed),
        )
        self._session = session
        self.sampler, self.scaler = Sampler(self.ctx), Scaler(self.ctx)
        trace = read_trace(options.spot_trace) if options.spot_trace else []
        self._market = SpotMarket(self.ctx, trace)
        self.pools = Pools(self.ctx, self.scaler)
        self._auto_pools = AutoPools(self.ctx, self.pools)
        self.jobs = Jobs(self.ctx, self._auto_pools)
        self.schedules = Schedules(self.ctx, self.jobs, self._auto_pools)
        self.tasks = Tasks(self.ctx)
        self.ctx.machine = SimulatedMachine(self.ctx) if options.simulate else RealMachine(self.ctx)
        self.ctx.dispatch = Dispatcher(self.ctx).dispatch
        self.ctx.drained = lambda node: leave_drained(self.ctx, node)
        self._retention = Retention(self.ctx)
        if not options.simulate:
            self.ctx.completed = self._retention.note
        self.ctx.job_over = self._job_over
        self.ctx.resized = lambda pool: check_steady(self.ctx, pool)

    async def start(self, endpoint: str) -> None:
        """Kill what an earlier process left running, then continue its work."""
        self.ctx.endpoint = endpoint
        await self.ctx.machine.start()
        self._resume_jobs()
        self._resume_pools()
        self.schedules.resume()
        self._retention.resume()
        self.sampler.start()
        self.scaler.start()
        self._market.start()
        self.ctx.save()

    def _job_over(self, job: Job) -> None:
        self._auto_pools.release(job)
        self.schedules.job_over(job)

    def _resume_jobs(self) -> None:
        ctx = self.ctx
        for job in list(ctx.account.jobs.values()):
            # What ends below may itself begin the end of its job.
            state = job.state
            self._resume_tasks(job)
            forget_cut_off(ctx, job)
            bar_again(ctx, job)
            watch_files_again(ctx, job)
            self.jobs.watch_limit(job)
            if state is JobState.TERMINATING:
                resume_termination(ctx, job)
            elif state is JobState.DELETING:
                ctx.spawn(finish_deletion(ctx, job), f"deletion of {job.id}")
            elif state is JobState.ENABLING:
                ctx.spawn(finish_enabling(ctx, job), f"enabling of {job.id}")
            settle_disabling(ctx, job)
            check_all_complete(ctx, job)

    def _resume_tasks(self, job: Job) -> None:
        ran = [
            task
            for task in job.tasks.values()
            if task.state in (TaskState.RUNNING, TaskState.PREPARING)
        ]
        # First the tasks that go on, so that a job that ends with a condemned task has no other
        # running.
        for task in sorted(ran, key=lambda task: task.condemned):
            if task.condemned:
                complete_task(self.ctx, job, task, ended_by_user())
            else:
                put_back(self.ctx, job, task, requeued=True, retried=False)

    def _resume_pools(self) -> None:
        ctx = self.ctx
        for pool in list(ctx.account.pools.values()):
            if pool.state is PoolState.DELETING:
                ctx.spawn(remove_pool(ctx, pool), f"deletion of {pool.id}")
                continue
            for node in list(pool.nodes.values()):
                if node.state is NodeState.LEAVING_POOL or node.draining:
                    pool.let_go(node, ctx.clock.now())
                    ctx.forget(node)
                    ctx.keep(pool)
                    ctx.spawn(ctx.machine.scrap(node), f"end of {node.id}")
                else:
                    self._resume_node(pool, node)
            resume_resize(ctx, pool)
            check_steady(ctx, pool)
            ctx.wake(pool.id)

    def _resume_node(self, pool: Pool, node: Node) -> None:
        ctx = self.ctx
        if node.state is NodeState.PREEMPTED:
            ctx.spawn(come_back(ctx, pool, node), f"return of {node.id}")
            return
        if node.preempting:
            ctx.spawn(finish_preemption(ctx, pool, node), f"preemption of {node.id}")
            return
        if node.state is NodeState.DEALLOCATING:
            ctx.spawn(finish_deallocation(ctx, node), f"deallocation of {node.id}")
            return
        if node.state in READY and node.left_running:
            # The processes that its start task left for its tasks died with the last process.
            node.move(NodeState.REBOOTING, ctx.clock.now())
        elif node.state is NodeState.RUNNING:
            node.move(NodeState.IDLE, ctx.clock.now())
        ctx.keep(node)
        if node.state in (NodeState.REBOOTING, NodeState.REIMAGING):
            work = finish_restart(ctx, pool, node, node.state)
            ctx.spawn(work, f"restart of {node.id}")
            return
        boot(ctx, pool, node)

    async def close(self) -> None:
        """Stop everything; the next start continues what runs now."""
        await self.ctx.close()
        await self.ctx.machine.close()
        try:
            self.sampler.save()
        except NotSaved as error:
            log.error("The last changes are lost: %s", error, extra={"action": "close"})
        self.ctx.store.close()
        await self._session.close()
