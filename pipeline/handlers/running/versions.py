"""Versions of the files that a pipeline consists of: here, in the app, and in a run."""

import hashlib
from collections.abc import Mapping

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.running import scripts
from pipeline.ledger import deployed


def note(engine: Engine) -> None:
    """Record what this app runs, so that an edit is not taken for it; a failure is only logged."""
    for pipeline in engine.catalogue.pipelines.values():
        try:
            deployed.note(engine.ports.tables, pipeline.name, _here(engine, pipeline))
        except FanfareError as error:
            log.warning(
                "Versions not noted: an edited file will not be noticed",
                extra={"action": "start", "pipeline": pipeline.name, "reason": str(error)},
            )


def unlike_the_app(engine: Engine, pipeline: Pipeline) -> list[str]:
    """Name the files that are here in another version than in the app that last started."""
    there = deployed.versions(engine.ports.tables, pipeline.name)
    return [] if there is None else _unlike(_here(engine, pipeline), there)


def unlike_the_run(engine: Engine, run: Run) -> list[str]:
    """Name the files that are here in another version than the run uses."""
    pipeline = engine.catalogue.pipelines.get(run.pipeline)
    definition = engine.definition_if_readable(run)
    if pipeline is None or definition is None:
        return []
    there = {_script(name): _version(blob) for name, blob in run.scripts.items()}
    there[_file(pipeline.name)] = _digest(definition.to_json())
    here = {name: version for name, version in _here(engine, pipeline).items() if name in there}
    return _unlike(here, {name: there[name] for name in here})


def _here(engine: Engine, pipeline: Pipeline) -> dict[str, str]:
    files = {
        _script(name): _version(ref.name)
        for name in scripts.wanted(engine, pipeline)
        if (ref := scripts.named(engine, name))
    }
    pool = engine.catalogue.pools.get(pipeline.pool)
    if pool:
        files[f"pools/{pool.name}.yaml"] = _digest(pool.model_dump_json(exclude_defaults=True))
    return {_file(pipeline.name): _digest(pipeline.to_json()), **files}


def _unlike(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*here, *there} if here.get(name) != there.get(name))


def _file(pipeline: str) -> str:
    return f"pipelines/{pipeline}.yaml"


def _script(name: str) -> str:
    return f"task_scripts/{'environments/' if name.endswith(('.txt', '.zip')) else ''}{name}"


def _version(blob: str) -> str:
    """Return the digest in the name of a pinned script."""
    return blob.partition("/")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
