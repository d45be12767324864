"""The worlds of the Batch contract: the fake, whose tasks a test runs, and the emulator."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import requests
from azure.batch.models import (
    BatchPoolCreateOptions,
    BatchStartTask,
    BatchVmImageReference,
    VirtualMachineConfiguration,
)

from pipeline.adapters.connect import connect
from pipeline.domain.waiting.reports import NodeCounts, PoolReport, Preparation, Trouble
from pipeline.ports.batch import JobSpec, TaskSpec
from tests.fakes.batch import Outcome
from tests.fakes.world import fake_ports
from tests.patience import stretched, until

UNTIL = datetime(2026, 9, 1, 18, tzinfo=UTC)
IDLE, BUSY = "contract-idle", "contract-busy"


def job_spec(name, pool=IDLE, **more):
    given = {"priority": 0, "limit": timedelta(hours=1), "preparation": "", "run": "run-1"}
    given |= {"preparation_inputs": [], "access_until": UNTIL}
    return JobSpec(name, pool, **{**given, **more})


def task_spec(name, command="/bin/sh -c true", **more):
    given = {"inputs": [], "uploads": [], "environment": {}, "limit": timedelta(minutes=5)}
    given |= {"access_until": UNTIL}
    return TaskSpec(name, command, **{**given, **more})


class FakeBatchWorld:
    """The fake; a task ends as its command says, when the test runs it."""

    def __init__(self):
        self.fake = fake_ports(quota=3)
        self.ports = self.fake.ports
        self.fake.batch.add_pool(IDLE)
        self.fake.batch.add_pool(BUSY, nodes=1)

    def let_tasks_end(self, job):
        for task in self.fake.batch.active(job):
            self.fake.batch.run_task(job, task, _outcome_of_command)
        self.fake.clock.advance(seconds=1)

    def let_task_print(self, job, task, text):
        self.fake.batch.start_task(job, task)
        self.fake.batch.files[job, task, "stdout.txt"] = text

    def let_preparation_fail(self, job):
        failed = Preparation(Trouble("FailureExitCode", "it exited with 3", "node-1"))
        failed = replace(failed, failures=1, failed_at=self.fake.clock.now())
        self.fake.batch.jobs[job].preparation = failed
        self.fake.batch.words[BUSY, "node-1", job] = "no such package\n"

    def without_capacity(self, code):
        return self._pool(0, resize_errors=[Trouble(code, "none left")])

    def with_failing_start_task(self, words):
        error = Trouble("FailureExitCode", "it exited with 1", "node-1")
        self.fake.batch.words["ill", "node-1", ""] = words
        return self._pool(1, NodeCounts(start_task_failed=1), node_error=error)

    def with_unusable_node(self, code):
        return self._pool(1, NodeCounts(unusable=1), node_error=Trouble(code, "", "node-1"))

    def with_starting_node(self):
        return self._pool(1, NodeCounts(starting=1))

    def _pool(self, nodes, counts=None, **more):
        report = PoolReport("active", "steady", nodes, 1, since=self.fake.clock.now(), **more)
        self.fake.batch.pools["ill"] = replace(report, counts=counts or NodeCounts())
        return "ill"

    def wait_for_state(self, job, state):
        assert self.ports.cluster.job(job).state == state

    def wait_until_steady(self, pool):
        pass

    def another_pool(self, pool):
        self.fake.batch.add_pool(pool)
        return pool

    def later(self):
        return self.ports.clock.now() + timedelta(seconds=1)


class BatchService:
    """The adapters over the Batch emulator; its nodes run the commands."""

    def __init__(self, settings, client):
        self.settings = settings
        self.ports = connect(settings)
        self.client = client

    def create_pools(self):
        for name, nodes in ((IDLE, 0), (BUSY, 1)):
            self.client.create_pool(_pool(name, nodes))

    def remove_other_pools(self):
        """Delete what a test created beside the pools of all."""
        for pool in list(self.client.list_pools()):
            if pool.id not in (IDLE, BUSY):
                self.client.begin_delete_pool(pool.id, polling_interval=0.02).wait()

    def let_tasks_end(self, job):
        until(lambda: not self.ports.cluster.unconfirmed(job).open, what=f"tasks of {job}")

    def let_task_print(self, job, task, text):
        def printed():
            found = self.ports.cluster.task_file(job, task, "stdout.txt", 0)
            return found and found.content == text

        until(printed, what=f"{task} to print")

    def let_preparation_fail(self, job):
        until(lambda: self.ports.cluster.job(job).preparation.failed, what=f"preparation of {job}")

    def without_capacity(self, code):
        self._fault("allocation", "contract-short/dedicated", code=code)
        self.client.create_pool(_pool("contract-short", 1))
        until(lambda: self.ports.cluster.pool("contract-short").resize_errors, what="the error")
        return "contract-short"

    def with_failing_start_task(self, words):
        self._fault("start_task", "contract-start/")
        command = f"/bin/sh -c 'echo {words} >&2'"
        self.client.create_pool(
            _pool("contract-start", 1, start_task=BatchStartTask(command_line=command))
        )
        until(self._counted("contract-start", "start_task_failed"), what="a failed start task")
        return "contract-start"

    def with_unusable_node(self, code):
        self._fault("node_unusable", "contract-image/", code=code)
        self.client.create_pool(_pool("contract-image", 1))
        until(self._counted("contract-image", "unusable"), what="an unusable node")
        return "contract-image"

    def with_starting_node(self):
        command = "/bin/sh -c 'sleep 600'"
        start = BatchStartTask(command_line=command, wait_for_success=True)
        self.client.create_pool(_pool("contract-starting", 1, start_task=start))
        until(self._counted("contract-starting", "starting"), what="a starting node")
        return "contract-starting"

    def _counted(self, pool, kind):
        return lambda: getattr(self.ports.cluster.pool(pool).counts, kind)

    def _fault(self, operation, match, **more):
        rule = {"operation": operation, "match": match, **more}
        url = f"{self.settings.batch_endpoint}/_admin/faults"
        own = {"x-batch-key": self.settings.batch_key}
        requests.post(url, json=rule, headers=own, timeout=stretched(10)).raise_for_status()

    def wait_for_state(self, job, state):
        until(lambda: self.ports.cluster.job(job).state == state, what=f"{job} {state}")

    def another_pool(self, pool):
        formula = {"enable_auto_scale": True, "auto_scale_formula": "$TargetDedicatedNodes = 0;"}
        self.client.create_pool(_pool(pool, None, **formula))
        return pool

    def wait_until_steady(self, pool):
        until(lambda: self.ports.cluster.pool(pool).allocation == "steady", what=pool)

    def later(self):
        return self.ports.clock.now() + timedelta(minutes=1)


def _outcome_of_command(spec):
    if spec.command.startswith("/nonesuch"):
        return Outcome(None, "CommandProgramNotFound", "usererror", "not found")
    return Outcome(3 if "exit 3" in spec.command else 0)


def _pool(name, nodes, **more):
    image = BatchVmImageReference(
        publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2204", version="latest"
    )
    machine = VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04"
    )
    return BatchPoolCreateOptions(
        id=name,
        vm_size="standard_d2s_v3",
        virtual_machine_configuration=machine,
        target_dedicated_nodes=nodes,
        **more,
    )
