"""The checks of `fanfare doctor`: each reads one thing, and the domain judges it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import disk_usage
from typing import Protocol

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health import azure as health_azure
from pipeline.domain.health import findings as health
from pipeline.domain.health import lifetimes
from pipeline.domain.health import machine as health_machine
from pipeline.domain.health import pools as health_pools
from pipeline.domain.health import quotas as health_quotas
from pipeline.domain.health import roles as health_roles
from pipeline.domain.health import subscribers as health_subscribers
from pipeline.domain.health.findings import Deployment, Finding, Level, QueueReading
from pipeline.domain.health.quotas import Machines, Quotas, Size
from pipeline.domain.health.roles import Assignment, Bearer
from pipeline.domain.runs import naming
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.verdicts import FAULTS
from pipeline.errors import FanfareError
from pipeline.handlers.engine import Engine
from pipeline.handlers.keeping.losses import lost_tables
from pipeline.handlers.why import obstacle_to
from pipeline.ledger import index, listing, outbox, tasks, watermarks
from pipeline.ledger.layout import TABLES

_DEAD_LETTERS, _RUNS = 100, 200
_ILL = (500, 502, 503, 504)  # 501 is healthy: the server answers that it does not know the request
_STUCK = timedelta(hours=1)
_NOWHERE = "fanfare-doctor-looks-whether-it-may"


class Survey(Protocol):
    """The reads of `adapters.survey`."""

    def containers(self) -> set[str]: ...  # noqa: D102 see there
    def queues(self) -> set[str]: ...  # noqa: D102
    def tables(self) -> set[str]: ...  # noqa: D102
    def queue(self, name: str) -> QueueReading: ...  # noqa: D102
    def send_and_take_back(self, queue: str) -> None: ...  # noqa: D102
    def skew(self) -> timedelta: ...  # noqa: D102
    def active_jobs(self) -> int: ...  # noqa: D102
    def pools(self) -> list[Machines]: ...  # noqa: D102
    def answers(self, url: str) -> int: ...  # noqa: D102


class Management(Protocol):
    """The reads of `adapters.management`."""

    def quotas(self) -> Quotas: ...  # noqa: D102 see there
    def sizes(self) -> dict[str, Size]: ...  # noqa: D102
    def providers(self) -> set[str]: ...  # noqa: D102
    def roles(self, bearer: Bearer) -> list[Assignment] | None: ...  # noqa: D102
    def subscriptions(self, topic: str) -> Mapping[str, object]: ...  # noqa: D102


@dataclass(frozen=True)
class Ward:
    """The deployment that is checked; `management` is None if it has no management plane.

    `folder` has the data of a local stack. `declared` names the subscribers of the project's
    parameters, if it has any parameters.
    """

    engine: Engine
    survey: Survey
    management: Management | None
    where: Deployment
    urls: dict[str, str]
    sleep: Callable[[float], None]
    patience_s: float = 60.0
    folder: Path | None = None
    declared: Collection[str] | None = None


type Check = Callable[[Ward], list[Finding]]


def _reachable(ward: Ward) -> list[Finding]:
    found = []
    for name, url in ward.urls.items():
        try:
            status = ward.survey.answers(url)
        except FanfareError as error:
            mend = ward.where.provision
            why = "nothing works without it; in a private network it answers only from inside"
            found.append(Finding(name, Level.UNREACHABLE, str(error), why, mend))
            continue
        if status in _ILL:
            restart = f"az functionapp restart -g {ward.where.group} -n {ward.where.app}"
            mend = restart if ward.where.managed else ward.where.provision
            found.append(Finding(name, Level.FAULT, f"answers {status}", "its server fails", mend))
        else:
            found.append(Finding(name, Level.OK, "answers"))
    return found


def _storage(ward: Ward) -> list[Finding]:
    queues = [name for queue in Queue for name in (str(queue), queue.poison)]
    mend, survey = ward.where.provision, ward.survey
    return [
        health.missing("containers", CONTAINERS, survey.containers(), mend),
        health.missing("queues", queues, survey.queues(), mend),
        health.missing("tables", TABLES, survey.tables(), health.mend_of_tables(ward.where)),
    ]


def _ledger(ward: Ward) -> list[Finding]:
    engine = ward.engine
    names = {*engine.catalogue.pipelines, *index.pipelines(engine.ports.tables)}
    return [health.lost_tables(lost_tables(engine, sorted(names)))]


def _disk(ward: Ward) -> list[Finding]:
    if ward.folder is None:
        return [Finding("disk", Level.OK, "a deployment keeps its data in Storage")]
    return [health_machine.disk(disk_usage(ward.folder).free, str(ward.folder))]


def _clock(ward: Ward) -> list[Finding]:
    return [health.clock(ward.survey.skew())]


def _messages(ward: Ward) -> list[Finding]:
    names = [name for queue in Queue for name in (str(queue), queue.poison)]
    return health.queues([ward.survey.queue(name) for name in names], ward.where)


def _may_blobs(ward: Ward) -> list[Finding]:
    ward.engine.ports.writer.delete(BlobRef(naming.WORK, _NOWHERE))
    return [Finding("role: blobs", Level.OK, "may delete")]


def _may_queues(ward: Ward) -> list[Finding]:
    ward.survey.send_and_take_back(Queue.WORK)
    return [Finding("role: queues", Level.OK, "may send and delete")]


def _may_tables(ward: Ward) -> list[Finding]:
    tasks.delete_nothing(ward.engine.ports.tables)
    return [Finding("role: tables", Level.OK, "may delete")]


def _may_batch(ward: Ward) -> list[Finding]:
    ward.engine.ports.jobs.terminate(_NOWHERE)
    return [Finding("role: Batch", Level.OK, "may end jobs")]


def _pools(ward: Ward) -> list[Finding]:
    engine, today = ward.engine, ward.engine.now.date()
    found: list[Finding] = []
    for name, pool in sorted(engine.catalogue.pools.items()):
        pool_id = engine.pool_id_of(pool)
        report = engine.ports.cluster.pool(pool_id)
        if not report.state and not _is_wanted(ward, pool):
            what = "is not deployed, and no pipeline uses its GPUs"
            found.append(Finding(f"pool {name}", Level.OK, what))
            continue
        found += health_pools.pool(pool, pool_id, report, ward.where, engine.now)
        found.append(lifetimes.image(pool, today, ward.where))
        found.append(lifetimes.size(pool, today, ward.where))
    declared = {engine.pool_id_of(pool) for pool in engine.catalogue.pools.values()}
    return found + health_pools.left_over(ward.survey.pools(), declared, ward.where)


def _is_wanted(ward: Ward, pool: Pool) -> bool:
    """Return whether a pool has to be there: in Azure those with GPUs are made on request."""
    used = (pipeline.pool for pipeline in ward.engine.catalogue.pipelines.values())
    return not (ward.where.managed and pool.devices) or pool.name in used


def _delivered(ward: Ward, container: str) -> list[Finding]:
    """Write an empty blob with a reserved name, and wait until the app has deleted it."""
    check, engine = f"events of {container}", ward.engine
    blob = naming.probe(container, engine.token())
    began, step = engine.now, 0.2
    engine.ports.writer.write(blob, b"")
    try:
        while (waited := (engine.now - began).total_seconds()) < ward.patience_s:
            if engine.ports.blobs.head(blob) is None:
                return [Finding(check, Level.OK, f"the app handled one within {waited:.1f} s")]
            ward.sleep(step)
            step = min(step * 1.5, 2.0)
    finally:
        engine.ports.writer.delete(blob)
    what = f"the app did not handle an event within {ward.patience_s:.0f} s"
    why = (
        "uploads start their runs only by the hourly sweep; the reason may be Event Grid, its "
        "role, a firewall before the queue, or the app"
    )
    mend = (
        f"az eventgrid system-topic event-subscription list -g {ward.where.group} "
        f"--system-topic-name {health.SYSTEM_TOPIC}; az functionapp show -g {ward.where.group} "
        f"-n {ward.where.app} --query state; azd provision"
        if ward.where.managed
        else ward.where.provision
    )
    return [Finding(check, Level.FAULT, what, why, mend)]


def _dead_letters(ward: Ward) -> list[Finding]:
    listed = ward.engine.ports.blobs.list(naming.DEAD_LETTER, "")
    count = sum(1 for _ in islice(listed, _DEAD_LETTERS))
    return [health.dead_letters(count, count == _DEAD_LETTERS, ward.where)]


def _runs(ward: Ward) -> list[Finding]:
    engine = ward.engine
    going = listing.going(engine.ports.tables, limit=_RUNS)
    found = [health.damaged_row(said, ward.where) for said in going.damaged]
    for run in going.runs:
        faulty = run.obstacle is not None and run.obstacle.code in FAULTS
        if faulty or run.idle_for(engine.now) > _STUCK:
            found.append(_stuck(engine, run))
    said = "every active run moved within the last hour, and none waits for a fault"
    return found or [Finding("runs", Level.OK, said)]


def _stuck(engine: Engine, run: Run) -> Finding:
    what = f"{run.id} has not moved for {run.idle_for(engine.now)}".split(".")[0]
    obstacle = obstacle_to(engine, run)
    why = f"{obstacle.code}: {obstacle.evidence}" if obstacle else ""
    mend = obstacle.remedy if obstacle else ""
    return Finding("runs", Level.NOTE, what, why, mend or f"fanfare show {run.id}")


def _announcements(ward: Ward) -> list[Finding]:
    tables = ward.engine.ports.tables
    waiting = [
        entry
        for pipeline in index.pipelines(tables)
        for entry in outbox.unannounced(tables, pipeline)
        if health.overdue(entry.event, ward.engine.now, ward.engine.patience.stale)
    ]
    if not waiting:
        return [Finding("announcements", Level.OK, "none is overdue")]
    why = "subscribers are not notified: the topic refuses the events, or cannot be reached"
    if said := next((entry.failure for entry in waiting if entry.failure), ""):
        why = f"{why}; the last error: {said}"
    what = f"{len(waiting)} completion events are not announced"
    if ward.where.managed:
        why = f"{why}; the app needs the role EventGrid Data Sender"
    return [Finding("announcements", Level.FAULT, what, why, ward.where.provision)]


def _timer(ward: Ward) -> list[Finding]:
    seen = watermarks.last_tick(ward.engine.ports.tables)
    last, own = (seen.at, seen.timer) if seen else (None, None)
    return [health.timer(last, own, ward.engine.now, ward.where)]


def _account(ward: Ward) -> list[Finding]:
    if ward.management is None:
        return [Finding("quotas", Level.AZURE, "a local stack has no quota of cores")]
    quotas, sizes, where = ward.management.quotas(), ward.management.sizes(), ward.where
    pools = [pool for _, pool in sorted(ward.engine.catalogue.pools.items())]
    machines = ward.survey.pools()
    found = []
    there = {one.pool for one in machines}
    for pool in pools:
        if ward.engine.pool_id_of(pool) not in there and not _is_wanted(ward, pool):
            continue
        others = [one for one in machines if one.pool != ward.engine.pool_id_of(pool)]
        found.append(health_quotas.cores(pool, sizes, quotas, others, where))
    return [
        *found,
        *health_quotas.core_use(sizes, quotas, machines, pools),
        health_quotas.used("active jobs", ward.survey.active_jobs(), quotas.jobs, where),
        health_quotas.used("pools", len(machines), quotas.pools, where),
    ]


def _providers(ward: Ward) -> list[Finding]:
    if ward.management is None:
        return [Finding("providers", Level.AZURE, "a local stack has no resource providers")]
    return [health_azure.providers(ward.management.providers())]


def _roles(ward: Ward, bearer: Bearer) -> list[Finding]:
    if ward.management is None:
        check = f"roles of {bearer}"
        return [Finding(check, Level.AZURE, "a local stack has a key and no roles")]
    return health_roles.roles(bearer, ward.management.roles(bearer), ward.where)


def _subscribers(ward: Ward) -> list[Finding]:
    topic = ward.where.topic
    if ward.management is None or not topic:
        said = "`fanfare subscribe --list` shows those of a local stack"
        return [Finding("subscribers", Level.AZURE, said)]
    there = ward.management.subscriptions(topic)
    return health_subscribers.subscribers(there, ward.declared, topic, ward.where)


CHECKS: dict[str, Check] = {
    "endpoints": _reachable,
    "clock": _clock,
    "disk": _disk,
    "storage": _storage,
    "role: blobs": _may_blobs,
    "role: queues": _may_queues,
    "role: tables": _may_tables,
    "role: Batch": _may_batch,
    **{f"roles of {bearer}": partial(_roles, bearer=bearer) for bearer in Bearer},
    "providers": _providers,
    "subscribers": _subscribers,
    "quotas": _account,
    "pools": _pools,
    **{f"events of {name}": partial(_delivered, container=name) for name in naming.PROBED},
    "messages": _messages,
    "dead-letter": _dead_letters,
    "timer": _timer,
    "ledger": _ledger,
    "runs": _runs,
    "announcements": _announcements,
}
