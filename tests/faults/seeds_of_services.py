"""Seeds of faults of the deployment, in the world in memory: the doctor tells them."""

from datetime import timedelta

from pipeline.domain.health.findings import QueueReading
from pipeline.domain.health.quotas import Quotas
from pipeline.domain.waiting.reports import NodeCounts, Trouble
from pipeline.errors import Transient
from pipeline.ledger.keeping.restored import has_results
from pipeline.ledger.layout import TABLES
from tests.faults.seeds_of_runs import seed
from tests.faults.world import World
from tests.unit.handlers.keeping.test_rebuild import lose
from tests.unit.handlers.mending.test_outages import refusing


@seed("quota", "zero-cores-in-azure")
def zero_cores(world: World) -> None:
    world.doctor.management.quotas = lambda: Quotas(0, 0, {}, False, 100, 100)


@seed("quota", "jobs-almost-used-up")
def jobs_almost_used_up(world: World) -> None:
    world.doctor.survey.active_jobs = lambda: 99


@seed("pool", "no-formula-in-azure")
def no_formula(world: World) -> None:
    world.pool(formula="")


@seed("pool", "node-unusable-in-azure")
def node_unusable(world: World) -> None:
    error = Trouble("DiskFull", "no space", "node-1")
    world.pool(formula="x", counts=NodeCounts(unusable=1), node_error=error)


@seed("pool", "start-task-fails-in-azure")
def start_task_fails(world: World) -> None:
    error = Trouble("FailureExitCode", "exit code 7", "node-1")
    world.pool(formula="x", counts=NodeCounts(start_task_failed=1), node_error=error)


@seed("pool", "no-machines-in-azure")
def no_machines(world: World) -> None:
    errors = [Trouble("AllocationFailed", "no machines")]
    world.pool(formula="x", nodes=0, target_nodes=2, counts=NodeCounts(), resize_errors=errors)


@seed("pool", "resize-refused-in-azure")
def resize_refused(world: World) -> None:
    errors = [Trouble("SubnetFull", "no address")]
    world.pool(formula="x", nodes=0, target_nodes=2, counts=NodeCounts(), resize_errors=errors)


@seed("pool", "image-retires")
def image_retires(world: World) -> None:
    pool = world.app.engine.catalogue.pools["cpu"]
    image = pool.image.model_copy(update={"agent": "batch.node.ubuntu 20.04"})
    world.app.engine.catalogue.pools["cpu"] = pool.model_copy(update={"image": image})


@seed("storage", "damaged-row")
@seed("storage", "damaged-row-in-azure")
def damaged_row(world: World) -> None:
    run = world.begin()
    world.app.world.tables.get("runs", "job", run.id).values["state"] = "nonsense"


@seed("storage", "ledger-lost")
def ledger_lost(world: World) -> None:
    world.begin()
    lose(world.app, *TABLES)
    world.cured = lambda: [run.state for run in world.app.all_runs()] == ["succeeded"]


@seed("storage", "results-lost")
def results_lost(world: World) -> None:
    run = world.begin()
    world.app.settle()
    lose(world.app, "tasks")
    world.cured = lambda: has_results(world.app.world.tables, run.id, 1)


@seed("subscription", "delivers-nothing-in-azure")
def delivers_nothing(world: World) -> None:
    world.app.loses = lambda _: True


@seed("subscription", "undeclared-in-azure")
def undeclared(world: World) -> None:
    world.doctor.management.subscribers = {"shop", "former"}


@seed("subscription", "dead-letters")
@seed("subscription", "dead-letters-in-azure")
def dead_letters(world: World) -> None:
    world.app.upload("x.json", b"{}", "dead-letter")


@seed("subscription", "topic-refuses")
def topic_refuses(world: World) -> None:
    world.begin()
    refusing(world.app, "events", "publish", world.app.world.clock.now() + timedelta(hours=9))
    for _ in range(40):
        world.app.pump()
        world.app.run_tasks()
        world.app.pass_time()


@seed("host", "app-answers-503")
def app_answers_503(world: World) -> None:
    world.doctor.survey.answers = lambda url: 503 if url == "https://app" else 200


@seed("host", "reads-no-queue")
def reads_no_queue(world: World) -> None:
    world.doctor.survey.queue = lambda name: QueueReading(name, 3, timedelta(hours=1))


@seed("host", "timer-stopped")
def timer_stopped(world: World) -> None:
    world.app.world.clock.advance(minutes=5)


@seed("key", "no-login")
def no_login(world: World) -> None:
    def refuse() -> set[str]:
        raise Transient("list containers: no answer (CredentialUnavailableError)")

    world.doctor.survey.containers = refuse


@seed("key", "provider-not-registered")
def provider_not_registered(world: World) -> None:
    world.doctor.management.providers = lambda: {"microsoft.storage"}


@seed("poison", "messages-in-azure")
def poison_messages(world: World) -> None:
    world.doctor.survey.queue = lambda name: QueueReading(name, int(name == "work-poison"))


@seed("clock", "ten-minutes-ahead")
def clock_ahead(world: World) -> None:
    world.doctor.survey.ahead = timedelta(minutes=10)


@seed("clock", "six-seconds-behind")
def clock_behind(world: World) -> None:
    world.doctor.survey.ahead = timedelta(seconds=-6)
