"""Seeds of faults that a run meets, in the world in memory: `show` tells them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from pipeline.domain.runs.messages import Step
from pipeline.domain.waiting.reports import NodeCounts, Preparation, Trouble
from pipeline.errors import Transient
from pipeline.ledger import runs
from tests.fakes.batch import Outcome
from tests.fakes.crash import Injector
from tests.fakes.node import Failure
from tests.faults.world import World
from tests.unit.handlers.conftest import LINES
from tests.unit.handlers.test_why import WrongKey

type Seed = Callable[[World], object]

SEEDS: dict[str, Seed] = {}
ONCE = "retries: {node-lost: 1, upload-failed: 1, download-failed: 1, preparation-failed: 0}\n"


def seed(subject: str, name: str) -> Callable[[Seed], Seed]:
    """Register how a fault of the table is seeded."""

    def add(function: Seed) -> Seed:
        SEEDS[f"{subject}/{name}"] = function
        return function

    return add


@seed("definition", "of-a-later-release")
def later_release(world: World) -> None:
    run = world.begin()
    held = runs.need(world.app.world.tables, run.id)
    later = {"definition": '{"name": "job"}', "step": "a-later-release"}
    runs.move(world.app.world.tables, held, held.run.model_copy(update=later))
    world.app.engine.wake(Step.ASSEMBLE, run)
    world.app.run_tasks()
    for _ in range(8):
        world.app.pump()
        world.app.world.clock.advance(seconds=15)
    world.cured = lambda: world.app.only_run().state == "cancelled"


@seed("definition", "pool-definition-removed")
def pool_removed(world: World) -> None:
    world.app.upload("lines/a.txt", b"one\n")
    world.app.claim()
    del world.app.engine.catalogue.pools["cpu"]
    world.app.settle()


def unprepared(world: World) -> None:
    """Let the preparation of every job fail."""
    batch = world.app.world.batch
    (pool,) = batch.pools
    failed = Trouble("FailureExitCode", "it exited with 1", "node-1")
    for name, job in batch.jobs.items():
        if job.state == "active" and not job.preparation.failed:
            now = world.app.world.clock.now()
            job.preparation = Preparation(failed, failures=1, failed_at=now)
            batch.words[pool, "node-1", name] = "ERROR: No matching distribution for numpyy"


@seed("environment", "cannot-be-installed")
def not_installed(world: World) -> None:
    world.begin()
    unprepared(world)


@seed("environment", "never-was-installed")
def never_installed(world: World) -> None:
    world.make(LINES + ONCE)
    world.begin()
    unprepared(world)
    world.minutes(30, lambda: unprepared(world))


def failing(world: World, what: Failure) -> None:
    world.app.program = lambda _item: what
    world.begin()
    world.app.settle()


@seed("program", "exits-with-1")
def exits(world: World) -> None:
    failing(world, Failure(tail="no such option"))


@seed("program", "hangs")
def hangs(world: World) -> None:
    failing(world, Failure("timed-out", "", None))


@seed("program", "writes-what-is-no-output")
def no_output(world: World) -> None:
    failing(world, Failure("output-unusable", "", None))


def ending(world: World, outcome: Outcome) -> None:
    """Let Batch report each task's end in the same way, until the trouble passes."""
    world.make(LINES + ONCE)
    world.app.execute = lambda _spec: outcome
    world.begin()
    world.app.settle()
    world.passes = lambda: setattr(world.app, "execute", None)


@seed("program", "is-not-there")
def not_there(world: World) -> None:
    ending(world, Outcome(None, "CommandProgramNotFound", "usererror", "no such program"))


@seed("program", "image-is-not-there")
def image_not_there(world: World) -> None:
    ending(world, Outcome(None, "ContainerInvalidImage", "usererror", "no such image"))


@seed("program", "gpu-is-not-there")
def gpu_not_there(world: World) -> None:
    ending(world, Outcome(75))


SECRET = LINES.replace("task: {", "task: {secrets: {TOKEN: my-vault/token}, ")


@seed("secret", "is-not-there")
def secret_not_there(world: World) -> None:
    world.make(SECRET)
    world.begin()
    world.app.settle()


@seed("secret", "vault-refuses")
def vault_refuses(world: World) -> None:
    world.make(SECRET)
    world.app.world.secrets.down.add("my-vault")
    world.begin()
    world.minutes(8)


@seed("program", "upload-refused")
def upload_refused(world: World) -> None:
    ending(world, Outcome(None, "FileUploadAccessDenied", "usererror", "403"))


@seed("program", "download-refused")
def download_refused(world: World) -> None:
    ending(world, Outcome(None, "BlobAccessDenied", "usererror", "403"))


@seed("program", "receipts-never-right")
def receipts_wrong(world: World) -> None:
    ending(world, Outcome())


@seed("pool", "nodes-always-lost")
def nodes_lost(world: World) -> None:
    ending(world, Outcome(None, "NodeGone", "internalerror", "the node went away"))


@seed("quota", "no-job-slot")
def no_job_slot(world: World) -> None:
    world.make(LINES, quota=0)
    world.begin()


@seed("quota", "no-cores")
def no_cores(world: World) -> None:
    refused_resize(world, "AccountCoreQuotaReached")


@seed("pool", "no-machines")
def no_machines(world: World) -> None:
    refused_resize(world, "AllocationFailed")


@seed("pool", "resize-refused")
def resize_refused(world: World) -> None:
    refused_resize(world, "SubnetFull")


def refused_resize(world: World, code: str) -> None:
    world.begin()
    empty = NodeCounts()
    world.pool(nodes=0, target_nodes=2, counts=empty, resize_errors=[Trouble(code, "no")])


@seed("quota", "as-many-runs-as-allowed")
def as_many_as_allowed(world: World) -> None:
    world.make(LINES + "max_concurrent_runs: 1\n")
    world.begin()
    world.app.world.clock.advance(timedelta(seconds=1))
    world.app.upload("lines/b.txt", b"two\n")
    world.app.pump()


@seed("pool", "formula-fails-in-a-run")
def formula_fails(world: World) -> None:
    world.begin()
    error = Trouble("AutoscaleFormulaEvaluationError", "division by zero")
    world.pool(counts=NodeCounts(), nodes=0, autoscale_error=error)


@seed("pool", "image-cannot-be-pulled")
def image_failing(world: World) -> None:
    world.begin()
    error = Trouble("ContainerInvalidImage", "no such image", "node-1")
    world.pool(counts=NodeCounts(unusable=1), node_error=error)


@seed("pool", "spot-nodes-taken")
def preempted(world: World) -> None:
    world.begin()
    world.pool(counts=NodeCounts(preempted=1))


@seed("pool", "job-disabled")
def job_disabled(world: World) -> None:
    run = world.begin()
    world.app.world.batch.jobs[run.job].state = "disabled"


@seed("pool", "job-deleted")
def job_deleted(world: World) -> None:
    run = world.begin()
    del world.app.world.batch.jobs[run.job]


@seed("pool", "paused")
def paused(world: World) -> None:
    world.cli("pause", "job")
    world.begin()


@seed("storage", "refuses-writes")
def storage_refuses(world: World) -> None:
    error = Transient("write a page of the plan: 403 AuthorizationFailure")
    error.service = "Storage"
    injector = Refused(error=error)
    world.app.through(injector.ports(world.app.world.ports))
    world.begin()
    for _ in range(6):
        world.app.world.clock.advance(seconds=15)
        world.app.pump()


class Refused(Injector):
    """Refuses every write of a blob."""

    def call(self, called, name, made):
        if called == "writer":
            raise self.error
        return made()


@seed("storage", "input-replaced")
def replaced(world: World) -> None:
    world.app.upload("lines/a.txt", b"one\n")
    world.app.claim()
    world.run = world.app.only_run().id
    world.app.upload("lines/a.txt", b"two\n")
    world.app.settle()


@seed("batch", "refuses-every-call")
def batch_refuses(world: World) -> None:
    refused = WrongKey()
    world.app.through(replace(world.app.engine.ports, jobs=refused, cluster=refused))
    world.begin()
    world.minutes(3)


@seed("poison", "step-that-always-crashes")
def poisoned(world: World) -> None:
    real = world.app.world.ports

    class Always(Injector):
        def call(self, called, name, made):
            if (called, name) == ("jobs", "add"):
                raise self.error
            return made()

    world.app.through(Always().ports(real))
    world.begin()
    world.app.settle()
    world.passes = lambda: world.app.through(real)
