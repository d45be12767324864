"""Whether stages and pool agree on containers.

On a pool with containers Batch fails a task without an image (ContainerTaskSettingsNotFound), and
on another pool one with an image (ContainerPoolNotSupported):
https://learn.microsoft.com/azure/batch/batch-docker-container-workloads.
"""

from collections.abc import Iterator, Mapping

from pipeline.domain.catalogue.file import Where
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool

type Finding = tuple[Where, str]


def check_containers(pipeline: Pipeline, pools: Mapping[str, Pool]) -> Iterator[Finding]:
    """Yield every stage that its pool cannot run, and what would do."""
    pool = pools.get(pipeline.pool)
    for where, stage in pipeline.stages.items():
        if pool is None:
            continue
        if pool.containers and stage.image is None:
            yield where, _without_image(pool, pools, frames=where[-1] == "frames")
        elif stage.image and not pool.containers:
            yield (*where, "image"), _without_containers(pool, pools)
    if not pipeline.task.has_runner:
        yield from _without_runner(pipeline)


def _without_image(pool: Pool, pools: Mapping[str, Pool], *, frames: bool) -> str:
    others = _names(pools, containers=False)
    remedy = f"use pool {others}" if others else "use a pool without containers"
    reason = f"pool {pool.name} runs every task in a container"
    if frames:
        return f"{reason}, and the engine's own program has no image: {remedy}"
    return f"{reason}: add an image, or {remedy}"


def _without_containers(pool: Pool, pools: Mapping[str, Pool]) -> str:
    others = _names(pools, containers=True)
    remedy = f"use pool {others}" if others else f"add containers to pools/{pool.name}.yaml"
    return f"the nodes of pool {pool.name} run no containers: {remedy}"


def _names(pools: Mapping[str, Pool], *, containers: bool) -> str:
    found = [name for name, pool in sorted(pools.items()) if bool(pool.containers) is containers]
    return " or ".join(found)


def _without_runner(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield what only the runner does; it needs Python in the image."""
    remedy = "name the image's Python in task.python, such as python3"
    if pipeline.bundle.items > 1:
        reason = f"a command of an image without Python is one task for each item: {remedy}"
        yield ("bundle", "items"), f"{reason}, or leave bundle out"
    if pipeline.task.secrets:
        reason = f"only the runner gives a program secrets, and it needs Python: {remedy}"
        yield ("task", "secrets"), reason
    if pipeline.split.files:
        kind = pipeline.split.kind
        yield ("split", kind), f"the runner cuts {kind} out of the input on the node: {remedy}"
