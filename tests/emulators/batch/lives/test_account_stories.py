"""Defects that the state machine of a whole account found, each as its shortest story."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState, NodeState, TaskState
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.service.nodes.life import deallocate, restart, start
from emulators.batch.service.pools.resize import remove_nodes
from tests.emulators.batch.lives.lives import Lives, present
from tests.emulators.batch.lives.onlooker import Onlooker, errand

GANG_POOL = {"enableInterNodeCommunication": True, "targetDedicatedNodes": 2}


class Account:
    """An account, and short words for actions on it."""

    def __init__(self, lives: Lives) -> None:
        self.lives = lives

    @property
    def nodes(self) -> Onlooker:
        """Return the nodes of the present process."""
        assert isinstance(self.lives.nodes, Onlooker)
        return self.lives.nodes

    @property
    def p(self) -> Pool:
        """Return the pool."""
        return self.nodes.ctx.account.pool("p")

    @property
    def node(self) -> Node:
        """Return the pool's only node."""
        (node,) = self.p.nodes.values()
        return node

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.lives.sim.run_for(timedelta(seconds=seconds))
        assert not self.lives.failures.seen

    def pool(self, name: str = "p", **more: object) -> None:
        """Create a pool with one node and let it boot."""
        body = {"id": name, "vmSize": "standard_d2s_v5", "targetDedicatedNodes": 1, **more}
        self.lives.do(lambda emulator: emulator.pools.create(body))
        self.wait(60)

    def job(self, **more: object) -> None:
        """Create the job."""
        body = {"id": "j", "poolInfo": {"poolId": "p"}, **more}
        self.lives.do(lambda emulator: emulator.jobs.create(body))

    def add(self, name: str, seconds: float, **more: object) -> None:
        """Add a task to the job."""
        body = simulated_task(name, seconds=seconds, **more)
        self.act(lambda emulator, job: emulator.tasks.create(job, body))

    def gang(self, seconds: float, **more: object) -> None:
        """Add a task of two instances; its coordination takes as long as itself."""
        settings = {"numberOfInstances": 2, "coordinationCommandLine": "simulated"}
        self.add("gang", seconds, multiInstanceSettings=settings, **more)

    def act(self, verb: Callable[[Emulator, Job], object]) -> None:
        """Do something to the job."""
        self.lives.do(lambda emulator: verb(emulator, self.seen))

    def disable(self, option: str = "requeue") -> None:
        """Disable the job and wait until it is disabled."""
        self.act(lambda emulator, job: emulator.jobs.disable(job, {"disableTasks": option}))

    @property
    def seen(self) -> Job:
        """Return the job."""
        return self.lives.sim.job("j")

    def info(self, which: str) -> list[Doc]:
        """Return how a preparation or release went, node by node."""
        found = (entry.get(f"job{which}TaskExecutionInfo") for entry in self.seen.per_node.values())
        return [one for one in found if one]


@pytest.fixture
def account() -> Iterator[Account]:
    with Lives(lambda _: None, Onlooker) as lives:
        yield Account(lives)


def test_a_disabled_job_is_still_ended_by_its_limit_after_a_kill(account: Account) -> None:
    account.pool()
    account.job(constraints={"maxWallClockTime": "PT10M"})
    account.disable()
    account.wait(10)
    account.lives.kill_and_restart()
    account.wait(610)
    assert account.seen.state is JobState.COMPLETED
    assert account.seen.execution["terminateReason"] == "MaxWallClockTimeExpiry"


def test_a_limit_given_to_a_disabled_job_ends_it(account: Account) -> None:
    account.pool()
    account.job()
    account.disable()
    account.wait(10)
    limit = {"constraints": {"maxWallClockTime": "PT5M"}}
    account.act(lambda emulator, job: emulator.jobs.update(job, limit, whole=False))
    account.wait(310)
    assert account.seen.state is JobState.COMPLETED


def test_the_subtasks_of_a_gang_that_is_ended_end_with_it(account: Account) -> None:
    account.pool(**GANG_POOL)
    account.job()
    account.gang(seconds=100)
    account.wait(50)
    task = account.seen.task("gang")
    account.act(lambda emulator, job: emulator.tasks.terminate(job, task))
    account.wait(10)
    (subtask,) = task.subtasks
    assert task.state is TaskState.COMPLETED
    assert (subtask["state"], subtask["failureInfo"]["code"]) == ("completed", "TaskEnded")


def test_a_gang_that_waits_again_has_no_subtasks(account: Account) -> None:
    account.pool(**GANG_POOL)
    account.job()
    account.gang(seconds=100)
    account.wait(50)
    account.disable()
    account.wait(10)
    task = account.seen.task("gang")
    assert (task.state, list(task.subtasks)) == (TaskState.ACTIVE, [])


def test_the_time_limit_of_a_gang_counts_its_coordination(account: Account) -> None:
    account.pool(**GANG_POOL)
    account.job()
    account.gang(seconds=40, constraints={"maxWallClockTime": "PT1M"})
    account.wait(61)
    task = account.seen.task("gang")
    assert task.state is TaskState.COMPLETED
    assert task.execution["failureInfo"]["code"] == "TaskEnded"


def test_a_job_ends_with_its_manager_while_it_is_being_disabled(account: Account) -> None:
    account.pool()
    account.job(jobManagerTask=errand(30, id="boss", killJobOnCompletion=True))
    account.wait(10)
    account.disable("wait")
    account.wait(30)
    assert account.seen.state is JobState.COMPLETED
    assert account.seen.execution["terminateReason"] == "JMComplete"


def test_a_job_is_released_on_the_nodes_of_the_pool_that_it_has_left(account: Account) -> None:
    account.pool("q")
    account.pool("p")
    account.job(jobPreparationTask=errand(5), jobReleaseTask=errand(5))
    account.add("t", 5)
    account.wait(20)
    account.disable()
    account.wait(5)
    moved = {"poolInfo": {"poolId": "q"}}
    account.act(lambda emulator, job: emulator.jobs.update(job, moved, whole=False))
    account.act(lambda emulator, job: emulator.jobs.terminate(job, {}))
    account.wait(20)
    assert account.seen.state is JobState.COMPLETED
    assert [one["result"] for one in account.info("Release")] == ["success"]


def test_a_failed_preparation_is_not_tried_again_because_of_a_kill(account: Account) -> None:
    account.pool()
    account.job(jobPreparationTask=errand(5, exit_code=1))
    account.add("t", 5)
    account.wait(20)
    before = account.info("Preparation")
    account.lives.kill_and_restart()
    account.wait(60)
    assert account.info("Preparation") == before
    assert account.seen.task("t").state is TaskState.ACTIVE


def test_a_completed_job_shows_its_preparation_though_its_node_gets_a_new_image(
    account: Account,
) -> None:
    account.pool()
    account.job(jobPreparationTask=errand(5))
    account.add("t", 5)
    account.wait(20)
    account.act(lambda emulator, job: emulator.jobs.terminate(job, {}))
    account.wait(5)
    before = account.info("Preparation")
    account.lives.do(
        lambda emulator: restart(
            emulator.ctx, account.p, account.node, NodeState.REIMAGING, "requeue"
        )
    )
    account.wait(120)
    assert account.info("Preparation") == before != []


def test_a_pool_that_is_short_of_nodes_has_its_size_after_a_removal(account: Account) -> None:
    account.pool(targetDedicatedNodes=14)
    assert len(account.p.nodes) == 12
    name = next(iter(account.p.nodes))
    account.lives.do(lambda emulator: remove_nodes(emulator.ctx, account.p, [name], "requeue"))
    account.wait(60)
    assert (account.p.target_dedicated, account.p.current(True)) == (11, 11)
    assert not account.p.resize_errors


@pytest.mark.parametrize("through", [NodeState.REBOOTING, NodeState.REIMAGING])
def test_a_preparation_runs_again_after_a_restart_of_its_node_that_a_kill_cut_off(
    account: Account, through: NodeState
) -> None:
    account.pool()
    account.job(jobPreparationTask=errand(5))
    account.add("first", 5)
    account.wait(20)
    (before,) = account.info("Preparation")
    account.lives.do(
        lambda emulator: restart(emulator.ctx, account.p, account.node, through, "requeue")
    )
    account.wait(10)
    account.lives.kill_and_restart()
    account.add("second", 5)
    account.wait(120)
    (after,) = account.info("Preparation")
    assert account.seen.task("second").state is TaskState.COMPLETED
    assert before["startTime"] < after["startTime"]


def test_the_quota_that_a_pool_has_reached_is_saved_at_once(account: Account) -> None:
    account.pool(targetDedicatedNodes=12)
    wanted = {"targetDedicatedNodes": 11, "targetLowPriorityNodes": 2}
    account.lives.do(lambda emulator: emulator.pools.resize(account.p, wanted))
    # The node that goes still counts while the new ones are sought.
    account.wait(7)
    assert [one["code"] for one in account.p.resize_errors] == [
        "AccountLowPriorityCoreQuotaReached"
    ]
    assert account.lives.saved() == present(account.nodes.ctx.account)


def test_the_deletion_of_a_completed_job_releases_no_node(account: Account) -> None:
    account.pool()
    account.job(jobPreparationTask=errand(5), jobReleaseTask=errand(5))
    account.add("t", 5)
    account.wait(20)
    account.lives.do(lambda emulator: deallocate(emulator.ctx, account.node, "requeue"))
    account.wait(40)
    account.act(lambda emulator, job: emulator.jobs.terminate(job, {}))
    account.wait(5)
    account.lives.do(lambda emulator: start(emulator.ctx, account.p, account.node))
    account.wait(60)
    account.act(lambda emulator, job: emulator.jobs.delete(job))
    account.wait(20)
    assert not account.nodes.ctx.account.jobs
    assert not account.nodes.released


def test_a_node_waits_for_the_end_of_a_preparation_that_is_being_killed(account: Account) -> None:
    account.pool()
    account.job(jobPreparationTask=errand(50))
    account.add("t", 5)
    account.wait(10)
    account.act(lambda emulator, job: emulator.jobs.terminate(job, {}))
    account.wait(2)
    node = account.node
    account.lives.do(lambda emulator: deallocate(emulator.ctx, node, "requeue"))
    account.wait(1)
    assert node.state is NodeState.DEALLOCATING
    assert account.nodes.going
    account.wait(40)
    assert node.state is NodeState.DEALLOCATED
    assert not account.nodes.going


def test_the_next_job_of_a_schedule_gets_a_new_pool_where_the_shared_one_is_being_deleted(
    account: Account,
) -> None:
    pool = {"vmSize": "standard_d2s_v5", "targetDedicatedNodes": 1}
    shared = {"poolLifetimeOption": "jobschedule", "pool": pool}
    manager = errand(5, id="boss", killJobOnCompletion=True)
    body = {
        "id": "s",
        "schedule": {"recurrenceInterval": "PT10M"},
        "jobSpecification": {
            "poolInfo": {"autoPoolSpecification": shared},
            "jobManagerTask": manager,
        },
    }
    account.lives.do(lambda emulator: emulator.schedules.create(body))
    account.wait(596)
    (first,) = account.lives.nodes.ctx.account.pools.values()
    account.lives.do(lambda emulator: emulator.pools.delete(first))
    account.wait(120)
    assert account.lives.sim.job("s:job-2").state is JobState.COMPLETED


def test_a_job_with_an_auto_pool_moves_to_no_other(account: Account) -> None:
    account.pool()
    pool = {"vmSize": "standard_d2s_v5", "targetDedicatedNodes": 0}
    account.job(poolInfo={"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}})
    account.disable()
    account.wait(5)
    moved = {"poolInfo": {"poolId": "p"}}
    with pytest.raises(BatchError) as refused:
        account.act(lambda emulator, job: emulator.jobs.update(job, moved, whole=False))
    assert refused.value.code == "InvalidPropertyValue"


def test_two_changes_in_one_moment_have_two_etags(account: Account) -> None:
    account.pool()
    account.job()
    tags = [account.seen.etag]
    for priority in (1, 2):
        body = {"priority": priority}
        account.act(lambda emulator, job, body=body: emulator.jobs.update(job, body, whole=False))
        tags.append(account.seen.etag)
    assert len(set(tags)) == 3
