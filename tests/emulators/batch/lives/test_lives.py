"""Defects that the state machine found, each as its shortest story."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from emulators.batch.document import Doc
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import Allocation, NodeState, TaskState
from emulators.batch.model.task import Task
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.service.nodes.life import deallocate, preempt
from emulators.batch.service.pools.resize import remove_nodes
from emulators.batch.service.pools.sampling import metrics
from tests.emulators.batch.lives.lives import Lives


class Story:
    """A pool, a job, and short words for actions on them."""

    def __init__(self, lives: Lives) -> None:
        self.lives = lives

    def begin(self, job: Doc | None = None, *, boots: bool = True, **pool: object) -> None:
        """Create a pool and a job in it."""
        body = {"id": "p", "vmSize": "standard_d2s_v5", "targetDedicatedNodes": 1, **pool}
        self.lives.do(lambda emulator: emulator.pools.create(body))
        whole = {
            "id": "j",
            "poolInfo": {"poolId": "p"},
            "usesTaskDependencies": True,
            **(job or {}),
        }
        self.lives.do(lambda emulator: emulator.jobs.create(whole))
        self.wait(60 if boots else 0)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.lives.sim.run_for(timedelta(seconds=seconds))
        assert not self.lives.failures.seen

    def add(self, name: str, *after: str, seconds: float = 60, **more: Any) -> None:
        """Add a task that comes after others."""
        body = simulated_task(
            name, seconds=seconds, requiredSlots=1, dependsOn={"taskIds": list(after)}, **more
        )
        self.lives.do(lambda emulator: emulator.tasks.create(emulator.ctx.account.job("j"), body))

    def delete(self, name: str) -> None:
        """Delete a task."""
        self.lives.do(
            lambda emulator: emulator.tasks.delete(emulator.ctx.account.job("j"), self.task(name))
        )

    def task(self, name: str) -> Task:
        """Return a task of the job."""
        return self.lives.sim.job("j").task(name)

    @property
    def pool(self) -> Pool:
        """Return the pool."""
        return self.lives.nodes.ctx.account.pool("p")

    @property
    def node(self) -> Node:
        """Return the pool's only node."""
        (node,) = self.pool.nodes.values()
        return node


@pytest.fixture
def story() -> Iterator[Story]:
    with Lives(lambda _: None) as lives:
        yield Story(lives)


def test_a_deleted_task_is_not_set_free_by_what_it_waited_for(story: Story) -> None:
    story.begin()
    story.add("first")
    story.add("second", "first")
    story.delete("second")
    story.wait(200)
    assert story.lives.nodes.ctx.account.job("j").counts["completed"] == 1
    assert story.node.total_run == 1


@pytest.mark.parametrize("after", [(), ("first",)])
def test_a_task_does_not_wait_for_what_the_last_one_of_its_name_waited_for(
    story: Story, after: tuple[str, ...]
) -> None:
    story.begin()
    story.add("first")
    story.add("second", "first", "never")
    story.delete("second")
    story.add("second", *after)
    story.wait(200)
    assert story.task("second").state is TaskState.COMPLETED


def test_a_pool_killed_while_it_grows_becomes_steady(story: Story) -> None:
    story.begin(boots=False)
    story.lives.kill_and_restart()
    story.wait(60)
    assert story.pool.allocation is Allocation.STEADY


def test_a_node_preempted_before_the_kill_comes_back(story: Story) -> None:
    story.begin(targetDedicatedNodes=0, targetLowPriorityNodes=1)
    story.lives.do(lambda emulator: preempt(emulator.ctx, story.pool, story.node))
    story.lives.kill_and_restart()
    story.wait(200)
    assert story.node.state is NodeState.IDLE


def test_a_node_that_was_being_deallocated_at_the_kill_is_deallocated(story: Story) -> None:
    story.begin()
    story.lives.do(lambda emulator: deallocate(emulator.ctx, story.node, "requeue"))
    story.lives.kill_and_restart()
    story.wait(60)
    assert story.node.state is NodeState.DEALLOCATED


def test_a_task_that_is_ended_while_its_requeue_is_on_the_way_does_not_run_again(
    story: Story,
) -> None:
    story.begin()
    story.add("t")
    story.wait(1)
    story.lives.do(
        lambda emulator: emulator.jobs.disable(
            emulator.ctx.account.job("j"), {"disableTasks": "requeue"}
        )
    )
    story.lives.do(
        lambda emulator: emulator.tasks.terminate(emulator.ctx.account.job("j"), story.task("t"))
    )
    story.wait(20)
    assert story.task("t").state is TaskState.COMPLETED


def test_a_node_named_twice_leaves_once(story: Story) -> None:
    story.begin()
    names = [story.node.id] * 2
    story.lives.do(lambda emulator: remove_nodes(emulator.ctx, story.pool, names, "requeue"))
    assert story.pool.target_dedicated == 0


def test_a_pool_is_deleted_while_some_of_its_nodes_are_leaving(story: Story) -> None:
    story.begin(targetDedicatedNodes=2)
    story.add("t", seconds=300)
    story.add("u", seconds=300)
    story.wait(1)
    story.lives.do(lambda emulator: emulator.pools.resize(story.pool, {"targetDedicatedNodes": 1}))
    story.lives.do(lambda emulator: emulator.pools.delete(story.pool))
    story.wait(60)
    assert not story.lives.nodes.ctx.account.pools


def test_a_deleted_job_is_not_brought_back_by_its_preparation(story: Story) -> None:
    preparation = simulated_task("preparation", seconds=100)
    story.begin({"jobPreparationTask": preparation})
    story.add("t")
    story.wait(1)
    story.lives.do(lambda emulator: emulator.jobs.delete(emulator.ctx.account.job("j")))
    story.wait(200)
    story.lives.kill_and_restart()
    assert not story.lives.nodes.ctx.account.jobs


def test_a_task_that_comes_again_waits_for_the_end_of_its_first_life(story: Story) -> None:
    story.begin(taskSlotsPerNode=2)
    story.add("t", seconds=300)
    story.wait(1)
    story.delete("t")
    story.add("t", seconds=60)
    story.wait(2)
    assert story.task("t").state is TaskState.ACTIVE
    story.wait(70)
    assert story.task("t").state is TaskState.COMPLETED


def test_an_old_start_task_does_not_meddle_with_a_node_that_came_back(story: Story) -> None:
    start = {key: value for key, value in simulated_task("s", seconds=90).items() if key != "id"}
    story.begin(boots=False, targetDedicatedNodes=0, targetLowPriorityNodes=1, startTask=start)
    story.wait(46)
    story.lives.do(lambda emulator: preempt(emulator.ctx, story.pool, story.node))
    story.wait(60 + 45 + 80)
    assert story.node.state is NodeState.WAITING_FOR_START_TASK
    story.wait(20)
    assert story.node.state is NodeState.IDLE


def test_a_node_that_left_in_its_start_task_is_not_brought_back_by_it(story: Story) -> None:
    start = {key: value for key, value in simulated_task("s", seconds=90).items() if key != "id"}
    story.begin(boots=False, startTask=start)
    story.wait(46)
    story.lives.do(lambda emulator: emulator.pools.delete(story.pool))
    story.wait(200)
    story.lives.kill_and_restart()
    assert not story.lives.nodes.ctx.account.pools


def test_a_pool_deleted_while_it_grows_is_not_brought_back_by_its_nodes(story: Story) -> None:
    story.begin(boots=False)
    story.lives.do(lambda emulator: emulator.pools.delete(story.pool))
    story.wait(200)
    story.lives.kill_and_restart()
    assert not story.lives.nodes.ctx.account.pools


@pytest.mark.parametrize("after", [("first",), ("first", "other")])
def test_what_succeeded_and_was_deleted_is_not_waited_for_in_the_next_life(
    story: Story, after: tuple[str, ...]
) -> None:
    story.begin()
    story.add("first", seconds=10)
    story.add("other", seconds=100)
    story.add("last", *after, seconds=300)
    story.wait(30)
    story.delete("first")
    story.lives.kill_and_restart()
    story.wait(800)
    assert story.task("last").state is TaskState.COMPLETED


def test_of_a_long_range_too_what_was_deleted_stays_met(story: Story) -> None:
    story.begin(taskSlotsPerNode=200, vmSize="standard_d64s_v5")
    for number in range(1, 1001):
        story.add(str(number), seconds=1)
    story.add("1001", seconds=200)
    everything = {"taskIdRanges": [{"start": 1, "end": 1001}]}
    story.lives.do(
        lambda emulator: emulator.tasks.create(
            emulator.ctx.account.job("j"), simulated_task("last", seconds=1, dependsOn=everything)
        )
    )
    story.wait(60)
    story.delete("7")
    story.lives.kill_and_restart()
    story.wait(400)
    assert story.task("last").state is TaskState.COMPLETED


def test_a_task_that_was_added_after_the_deletion_waits_in_every_life(story: Story) -> None:
    story.begin()
    story.add("first", seconds=10)
    story.add("early", "first", seconds=10)
    story.wait(30)
    story.delete("first")
    story.add("late", "first")
    for _ in range(2):
        story.wait(100)
        assert story.task("late").state is TaskState.ACTIVE
        assert story.task("early").state is TaskState.COMPLETED
        story.lives.kill_and_restart()


def test_a_reactivated_task_holds_nobody_back_that_it_had_let_go(story: Story) -> None:
    story.begin()
    satisfies = {"default": {"dependencyAction": "satisfy"}}
    story.add("first", seconds=10, exit_code=3, exitConditions=satisfies)
    story.add("other", seconds=100)
    story.add("last", "first", "other", seconds=10)
    story.wait(30)
    story.lives.do(
        lambda emulator: emulator.tasks.reactivate(
            emulator.ctx.account.job("j"), story.task("first")
        )
    )
    story.delete("first")
    story.lives.kill_and_restart()
    story.wait(300)
    assert story.task("last").state is TaskState.COMPLETED


def test_a_waiting_task_that_was_ended_is_none_that_waits(story: Story) -> None:
    story.begin()
    story.add("first", seconds=300)
    story.add("second", "first")
    story.add("third", seconds=300)
    story.lives.do(
        lambda emulator: emulator.tasks.terminate(
            emulator.ctx.account.job("j"), story.task("second")
        )
    )
    for _ in range(2):
        story.wait(60)
        assert metrics(story.lives.nodes.ctx, story.pool)["$ActiveTasks"] == 1
        story.lives.kill_and_restart()


def test_a_deleted_job_leaves_nothing_in_the_store(story: Story) -> None:
    story.begin()
    story.add("first", seconds=10)
    story.add("second", "first", seconds=300)
    story.wait(30)
    story.delete("first")
    story.lives.do(lambda emulator: emulator.jobs.delete(emulator.ctx.account.job("j")))
    story.lives.do(lambda emulator: emulator.pools.delete(story.pool))
    story.wait(60)
    assert story.lives.saved() == {}
