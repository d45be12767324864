"""Judges a pool by Batch's report, with the same obstacles as its runs."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.health.quotas import Machines
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.batch import pool_obstacle
from pipeline.domain.waiting.remedies import BY_HAND, MEANINGS, Place
from pipeline.domain.waiting.reports import PoolReport

C = ObstacleCode
_PASSING = frozenset({C.NODES_STARTING, C.POOL_RESIZING, C.NODES_PREEMPTED})


def pool(
    pool: Pool, pool_id: str, report: PoolReport, where: Deployment, now: datetime
) -> list[Finding]:
    """Judge one pool."""
    check = f"pool {pool.name}"
    nodes = f"{report.allocation}, {report.nodes} of {report.target_nodes} nodes"
    return list(_faults(pool, pool_id, report, where, now)) or [Finding(check, Level.OK, nodes)]


def left_over(
    machines: Iterable[Machines], declared: Collection[str], where: Deployment
) -> list[Finding]:
    """Report the pools with nodes that Fanfare made, and that are not among the declared ids.

    One that autoscales removes its nodes itself. On a local stack they are processes of this
    machine.
    """
    if not (where.managed or where.named):
        return []
    left = (one for one in machines if one.made_from and one.pool not in declared)
    return [_left_over(one, where) for one in left if one.dedicated + one.spot]


def _left_over(machines: Machines, where: Deployment) -> Finding:
    check, what = f"pool {machines.pool}", "no file in pools/ leads to it any more"
    if machines.autoscales:
        return Finding(check, Level.OK, f"{what}; its formula removes its nodes when they are idle")
    what = f"{what}, and it keeps its nodes: it does not autoscale"
    why = "they cost money until you delete it; an earlier run, or another project, may use them"
    return Finding(check, Level.FAULT, what, why, _delete(machines.pool, where))


def _delete(pool_id: str, where: Deployment) -> str:
    if where.managed:
        return f"{where.batch_login}; az batch pool delete --pool-id {pool_id}"
    return f"{BY_HAND}delete pool {pool_id} of the Batch account"


def _faults(
    pool: Pool, pool_id: str, report: PoolReport, where: Deployment, now: datetime
) -> Iterator[Finding]:
    check = f"pool {pool.name}"
    found = pool_obstacle(report, pool_id, now)
    if found and found[0] not in _PASSING:
        code, what = found
        why = "runs that need it wait" if code is C.POOL_MISSING else "its runs wait"
        yield Finding(check, Level.FAULT, what, why, _command(code, pool, pool_id, where))
    elif ill := report.counts.unusable + report.counts.start_task_failed:
        what = f"{ill} of {report.nodes} nodes cannot take tasks"
        if report.node_error:
            what += f" ({report.node_error})"
        command = _command(C.NODES_UNUSABLE, pool, pool_id, where)
        yield Finding(check, Level.FAULT, what, "they cost money and take no task", command)
    if report.state and not report.formula and report.allocation == "steady":
        # A pool gets its first nodes without one. A deployment does not touch a pool that exists.
        why = "until a run gives it one, it does not grow for runs or shrink to zero"
        what = "has no autoscale formula"
        yield Finding(check, Level.FAULT, what, why, _rest(pool_id, where))


def _command(code: ObstacleCode, pool: Pool, pool_id: str, where: Deployment) -> str:
    """Return the command that fixes the obstacle, or else the one that shows more of it."""
    if code is C.POOL_MISSING:
        return where.provision_of(pool)
    if not where.managed:
        return MEANINGS[code].remedy(Place(True, "latest", "", pool.name, pool_id, ""))
    return {
        C.CORE_QUOTA: f"az batch account show -n {where.batch} -g {where.group}; "
        f"{BY_HAND}ask for quota in the portal (Quotas)",
        C.NO_CAPACITY: f"az batch location list-skus -l {where.location}; "
        f"{BY_HAND}change `size` in pools/{pool.name}.yaml",
        C.NODES_UNUSABLE: f"{where.batch_login}; az batch node list --pool-id {pool_id}",
        C.START_TASK_FAILING: f"{where.batch_login}; az batch node list --pool-id {pool_id}",
        C.IMAGE_FAILING: f"{where.batch_login}; az batch node list --pool-id {pool_id}",
    }.get(code, f"{where.batch_login}; az batch pool show --pool-id {pool_id}")


def _rest(pool_id: str, where: Deployment) -> str:
    if not where.managed:
        return where.provision
    return (
        f"{where.batch_login}; az batch pool autoscale enable --pool-id {pool_id} "
        "--auto-scale-formula '$TargetDedicatedNodes = 0'"
    )
