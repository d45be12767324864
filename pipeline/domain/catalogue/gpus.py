"""Whether stages and pool agree on GPUs."""

from collections.abc import Iterator, Mapping

from pipeline.domain.catalogue.file import Where
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool

type Finding = tuple[Where, str]


def check_gpus(pipeline: Pipeline, pools: Mapping[str, Pool]) -> Iterator[Finding]:
    """Yield every stage that asks for a GPU which its pool cannot give it, and what would do."""
    pool = pools.get(pipeline.pool)
    task = pipeline.task
    for where, stage in pipeline.stages.items():
        if pool and stage.gpu and not pool.devices:
            yield (*where, "gpu"), _without_gpus(pool, pools)
    if pool and pool.devices and task.gpu and not task.has_runner and pool.slots > 1:
        reason = (
            f"a node of {pool.name} takes {pool.slots} tasks, and only the runner gives each its "
            "own GPU: name the image's Python in task.python, such as python3, or use a pool with "
            "slots: 1"
        )
        yield ("task", "gpu"), reason


def _without_gpus(pool: Pool, pools: Mapping[str, Pool]) -> str:
    others = " or ".join(name for name, other in sorted(pools.items()) if other.devices)
    remedy = f"use pool {others}" if others else "add a pool with gpu: nvidia"
    return f"the nodes of pool {pool.name} have no GPU: {remedy}"
