"""The images of a definition, resolved when a generation begins.

A tag may move, and a node never pulls one again that it has: so all tasks of a generation name the
same digest, and the manifest records it.
"""

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.plan import PlannedProgram
from pipeline.domain.runs.run import Run, RunImage
from pipeline.errors import ImageRefused
from pipeline.handlers.engine import Engine


def resolve(engine: Engine, definition: Pipeline) -> dict[str, RunImage]:
    """Resolve all images of a definition. Raises ImageRefused and Transient."""
    named = {stage.image for stage in definition.stages.values() if stage.image}
    return {name: _resolved(engine, definition, name) for name in sorted(named)}


def _resolved(engine: Engine, definition: Pipeline, name: str) -> RunImage:
    found = engine.ports.images.resolve(name)
    pool = engine.catalogue.pools.get(definition.pool)
    if pool and pool.architecture not in found.architectures:
        built = ", ".join(sorted(found.architectures))
        raise ImageRefused(
            f"{name} is built for {built}, but nodes of pool {pool.name} are {pool.architecture}: "
            "name an image that is built for them."
        )
    return RunImage(
        reference=found.reference, digest=found.digest, path=found.path, present=found.present
    )


def pinned(run: Run, program: PlannedProgram) -> PlannedProgram:
    """Return a program that names its image as it was resolved for the run."""
    image = run.images.get(program.image or "")
    if image is None:
        return program
    return program.model_copy(update={"image": image.reference, "path": image.path})
