"""The files of task_scripts/ that a generation executes, pinned when it begins.

A later deployment does not affect it: every execution of a task runs the same program.
"""

import hashlib
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress

from pipeline.domain.catalogue.archives import (
    AMD64,
    ARCHITECTURES,
    REMEDY,
    archive_name,
)
from pipeline.domain.catalogue.programs import RUNNER, is_engines
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.modules import imported
from pipeline.domain.plans.plan import PlannedProgram
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent
from pipeline.handlers.engine import Engine
from pipeline.ports.batch import InputFile

FETCHING = "runner_fetch.py"  # a runner of single files without it fetches nothing
_ARCHIVE = "environment.zip"  # where environment.py looks for wheels
_PROGRAM = ".program.zip"  # what environment.py unpacks
_FOLDER = "/"  # ends the key of a program that is a folder


def pin(engine: Engine, definition: Pipeline) -> dict[str, str]:
    """Store all files that a definition's programs need, under their digests.

    Returns the blob of each file. Raises Permanent for a file that was not deployed, and for an
    environment whose archives are all for other processors than the nodes have.
    """
    for stage in definition.stages.values():
        if stage.environment:
            _check(engine, stage.environment, definition.pool, engine.archives)
    runner = [name for name in engine.scripts if is_engines(name)]
    return {name: _publish(engine, name) for name in (*runner, *wanted(engine, definition))}


def files(engine: Engine, run: Run, program: PlannedProgram) -> list[InputFile]:
    """Return the runner, a program and the program's environment, as the run pinned them.

    Raises Permanent if the pool's nodes have other processors now than the pinned archive is for.
    """
    # A run that an older release planned has pinned nothing.
    definition = engine.definition(run)
    pinned = run.scripts or pin(engine, definition)
    if program.file and not {program.file, f"{program.file}{_FOLDER}"} & pinned.keys():
        # An older release began the run, and did this stage without a program.
        wanted = _files_of(engine, run.pool, program.file, program.environment)
        pinned = {**pinned, **{name: _publish(engine, name) for name in wanted}}
    archive = _archive_of(engine, run.pool, program.environment)
    if program.environment:
        _check(engine, _environment(program.environment), run.pool, pinned)
    paths = {name: name for name in pinned if is_engines(name)}
    file = program.file or ""
    if f"{file}{_FOLDER}" in pinned:
        paths |= {f"{file}{_FOLDER}": f"{file}{_PROGRAM}"}
        file = ""
    paths |= {name: name for name in (file, program.environment) if name}
    paths |= {name: name for name in _modules(pinned, definition, program, engine.scripts)}
    paths |= {archive: _ARCHIVE} if archive in pinned else {}
    return [_file(engine, pinned[name], path) for name, path in paths.items()]


def fetches(run: Run) -> bool:
    """Return whether the runner that a run pinned can fetch files from a list."""
    # A run without any pins today's.
    return not run.scripts or not {RUNNER, FETCHING}.isdisjoint(run.scripts)


def _modules(
    pinned: Mapping[str, str],
    definition: Pipeline,
    program: PlannedProgram,
    scripts: Mapping[str, bytes],
) -> Iterator[str]:
    """Name what programs import; a program that this one does not import stays away from it."""
    programs = {stage.program for stage in definition.stages.values()}
    used = imported(program.file or "", scripts)
    for name in pinned:
        if name.endswith(".py") and (name not in programs or name in used):
            yield name


def requirements(environment: str | None) -> str | None:
    """Return the requirements file of an environment."""
    return f"{environment}.txt" if environment else None


def wanted(engine: Engine, definition: Pipeline) -> Iterator[str]:
    """Yield the files that the programs of a definition need, besides the runner."""
    for program in definition.stages.values():
        environment = requirements(program.environment)
        yield from _files_of(engine, definition.pool, program.program, environment)


def _files_of(
    engine: Engine, pool: str, program: str | None, environment: str | None
) -> Iterator[str]:
    folder = f"{program}{_FOLDER}"
    file = folder if folder in engine.scripts else program
    yield from (name for name in (file, environment) if name)
    modules = imported(program, engine.scripts) if program else []
    yield from (name for name in modules if not is_engines(name))
    archive = _archive_of(engine, pool, environment)
    yield from [archive] if archive in engine.archives else []


def _archive_of(engine: Engine, pool: str, requirements: str | None) -> str:
    """Name the archive of an environment for the nodes of a pool, whether it exists or not."""
    if not requirements:
        return ""
    return archive_name(_environment(requirements), _architecture(engine, pool))


def _environment(requirements: str) -> str:
    return requirements.removesuffix(".txt")


def _architecture(engine: Engine, pool: str) -> str:
    found = engine.catalogue.pools.get(pool)
    return engine.processor or (found.architecture if found else AMD64)


def _check(engine: Engine, environment: str, pool: str, there: Container[str]) -> None:
    """Refuse wheels for other processors; without any archive, nodes ask the package index."""
    if engine.processor:  # nodes are this machine, which has an index
        return
    needed = _architecture(engine, pool)
    made = [one for one in ARCHITECTURES if archive_name(environment, one) in there]
    if made and needed not in made:
        raise Permanent(
            f"task_scripts/environments/{archive_name(environment, made[0])} is for {made[0]}, but "
            f"nodes of pool {pool} are {needed}, and {archive_name(environment, needed)} is "
            f"missing: {REMEDY}, deploy, then redrive the run."
        )


def _file(engine: Engine, blob: str, path: str) -> InputFile:
    return InputFile(engine.ports.blobs.url(BlobRef(naming.SCRIPTS, blob)), path)


def named(engine: Engine, name: str) -> BlobRef | None:
    """Return the blob of a file's version, or None if it was not deployed. Raises Permanent."""
    digest = _digest(engine, name)
    return naming.script(name, digest) if digest else None


def _digest(engine: Engine, name: str) -> str | None:
    if archive := engine.archives.get(name):
        return archive.digest()
    content = engine.scripts.get(name)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _publish(engine: Engine, name: str) -> str:
    digest = _digest(engine, name)
    if digest is None:
        raise Permanent(
            f"The definition needs task_scripts/{name}, which was not deployed: "
            "deploy it, then redrive the run."
        )
    ref = naming.script(name, digest)
    if engine.ports.blobs.head(ref) is None:
        # A conflict means that another invocation wrote the same bytes.
        with suppress(Conflict):
            if archive := engine.archives.get(name):
                engine.ports.writer.upload(ref, archive.chunks(digest), only_new=True)
            else:
                engine.ports.writer.write(ref, engine.scripts[name], "*")
    return ref.name
