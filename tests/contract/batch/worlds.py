"""The worlds of the Batch contract: the fake, whose tasks a test runs, and the emulator's own."""

import time
from datetime import timedelta

from azure.batch.models import (
    BatchPoolCreateOptions,
    BatchVmImageReference,
    VirtualMachineConfiguration,
)

from pipeline.adapters.connect import connect
from pipeline.domain.waiting.reports import Preparation, Trouble
from pipeline.ports.batch import JobSpec, TaskSpec
from tests.fakes.batch import Outcome
from tests.fakes.world import fake_ports

DEADLINE_S = 60.0
IDLE, BUSY = "contract-idle", "contract-busy"


def job_spec(name, pool=IDLE, **more):
    given = {"priority": 0, "limit": timedelta(hours=1), "preparation": "", "run": "run-1"}
    return JobSpec(name, pool, **{**given, "preparation_inputs": [], **more})


def task_spec(name, command="/bin/sh -c true", **more):
    given = {"inputs": [], "uploads": [], "environment": {}, "limit": timedelta(minutes=5)}
    return TaskSpec(name, command, **{**given, **more})


class FakeBatchWorld:
    """Tasks end as their command says when the test lets them."""

    def __init__(self):
        self.fake = fake_ports(quota=3)
        self.ports = self.fake.ports
        self.fake.batch.add_pool(IDLE)
        self.fake.batch.add_pool(BUSY, nodes=1)

    def let_tasks_end(self, job):
        for task in self.fake.batch.active(job):
            self.fake.batch.run_task(job, task, _outcome_of_command)
        self.fake.clock.advance(seconds=1)

    def let_preparation_fail(self, job):
        failed = Preparation(Trouble("FailureExitCode", "it exited with 3", "node-1"))
        self.fake.batch.jobs[job].preparation = failed
        self.fake.batch.words[BUSY, "node-1", job] = "no such package\n"

    def wait_for_state(self, job, state):
        assert self.ports.cluster.job(job).state == state

    def wait_until_steady(self, pool):
        pass

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

    def let_tasks_end(self, job):
        self._until(lambda: not self.ports.cluster.unstarted_or_running(job), f"tasks of {job}")

    def let_preparation_fail(self, job):
        self._until(lambda: self.ports.cluster.job(job).preparation.failed, f"preparation of {job}")

    def wait_for_state(self, job, state):
        self._until(lambda: self.ports.cluster.job(job).state == state, f"{job} {state}")

    def wait_until_steady(self, pool):
        self._until(lambda: self.ports.cluster.pool(pool).allocation == "steady", pool)

    def later(self):
        return self.ports.clock.now() + timedelta(minutes=1)

    def _until(self, condition, what):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited too long for {what}"
            time.sleep(0.1)


def _outcome_of_command(spec):
    if spec.command.startswith("/nonesuch"):
        return Outcome(None, "CommandProgramNotFound", "usererror", "not found")
    return Outcome(3 if "exit 3" in spec.command else 0)


def _pool(name, nodes):
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
    )
