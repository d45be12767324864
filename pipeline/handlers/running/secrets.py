"""The secrets of a generation: read from their vaults when it begins, and brought to its tasks.

Those of each stage lie in one blob in `engine`, of which only the stage's tasks get a signature. So
all executions have the same values, and a vault that fails later fails no task. The blobs are
deleted with the verdict. Nothing else in the engine keeps a value.
"""

from collections.abc import Mapping
from json import dumps

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.secrets import Secret
from pipeline.domain.plans.plan import PlannedProgram
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import SecretRefused
from pipeline.handlers.engine import Engine
from pipeline.ledger import runs
from pipeline.ports.batch import InputFile

_TASK = "task"


def keep(engine: Engine, run: Run) -> None:
    """Read all secrets that a run's programs need, and write them for its tasks.

    Raises SecretRefused and Transient. They name the secret, and say nothing of its value.
    """
    stages = _needed(engine.definition(run))
    sources = sorted({one.source for secrets in stages.values() for one in secrets.values()})
    values = {source: engine.ports.secrets.read(source) for source in sources}
    contents = {stage: _encoded(secrets, values) for stage, secrets in stages.items()}
    for stage, content in contents.items():
        ref = run.names.secrets(stage)
        engine.ports.writer.write(ref, content, content_type="application/json")


def _needed(definition: Pipeline) -> dict[str, Mapping[str, Secret]]:
    found = {where[0]: stage.secrets for where, stage in definition.stages.items()}
    return {stage: secrets for stage, secrets in found.items() if secrets}


def _encoded(secrets: Mapping[str, Secret], values: Mapping[str, str]) -> bytes:
    """Render the secrets of a program as the runner reads them. Raises SecretRefused."""
    for secret in secrets.values():
        if objection := secret.objection(values[secret.source]):
            raise SecretRefused(f"The secret {secret.source} {objection}.")
    entries = {
        name: {"as": secret.form, "value": values[secret.source]}
        for name, secret in secrets.items()
    }
    return dumps(entries).encode()


def files(engine: Engine, run: Run, program: PlannedProgram, unit: str) -> list[InputFile]:
    """Return the file by which a unit gets its secrets; none if its program has none."""
    if not program.secrets:
        return []
    stage = unit if unit in naming.STAGES else _TASK
    return [InputFile(engine.ports.blobs.url(run.names.secrets(stage)), naming.SECRETS_FILE)]


def withdraw(engine: Engine, run: Run) -> None:
    """Delete what was written for a beginning of a run that another one came before.

    A service may have carried out a write that it says has failed: the ledger tells.
    """
    if runs.need(engine.ports.tables, run.id).run.seal != run.seal:
        for stage in _needed(engine.definition(run)):
            engine.ports.writer.delete(run.names.secrets(stage))


def forget(engine: Engine, run: Run) -> None:
    """Delete the secrets of a generation that has ended; once more is fine.

    An invocation that died may have left some under the name of another seal.
    """
    definition = engine.definition_if_readable(run)
    if definition is not None and not _needed(definition):
        return
    prefix = run.names.secrets()
    for found in list(engine.ports.blobs.list(prefix.container, prefix.name)):
        engine.ports.writer.delete(found.ref)
