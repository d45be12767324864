"""Moves the friendly name to a pipeline's newest output. It is for people; no event names it."""

from pydantic import ValidationError

from pipeline.domain.definitions.pipeline import Alias, Overwrite
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound, Transient
from pipeline.handlers.engine import Engine, log

MAX_BYTES = 64 << 20
_JSON = "application/json"
_TRIES = 5


def move_alias(engine: Engine, run: Run, manifest: Manifest) -> None:
    """Point the friendly name at this output, unless it points at that of a newer input."""
    policy = engine.definition(run).output
    ref = _ref(run, policy.alias)
    if ref is None:
        return
    content = manifest.model_dump_json(indent=2).encode()
    for _ in range(_TRIES):
        facts = engine.ports.blobs.head(ref)
        if facts and (policy.overwrite is Overwrite.NEVER or not _newer(engine, manifest, ref)):
            return
        try:
            engine.ports.writer.write(ref, content, facts.etag if facts else "*", _JSON)
        except Conflict:
            continue  # another run moved it meanwhile: look at what is there now
        return
    raise Transient(f"Too many runs move the alias {ref.name!a} at once.")


def _ref(run: Run, alias: Alias) -> BlobRef | None:
    if alias is Alias.NONE:
        return None
    if alias is Alias.INPUT_NAME and run.input:
        return naming.alias_of_input(run.pipeline, run.input.name)
    return naming.alias_latest(run.pipeline)


def _behind(engine: Engine, ref: BlobRef) -> Manifest | None:
    """Read the manifest behind the alias; an unreadable one must not delay a verdict."""
    try:
        return Manifest.model_validate_json(engine.ports.blobs.read(ref, 0, MAX_BYTES))
    except (NotFound, ValidationError) as error:
        log.warning(
            "Alias replaced: its content was not a manifest",
            extra={"action": "alias", "blob": ascii(ref.name), "reason": type(error).__name__},
        )
        return None


def _newer(engine: Engine, mine: Manifest, ref: BlobRef) -> bool:
    """Return whether an output is at least as new as the one behind the alias.

    Sequencers order the versions of one blob; other runs are ordered by the time of their cause.
    """
    theirs = _behind(engine, ref)
    if theirs is None:
        return True
    if mine.run == theirs.run:
        return mine.generation >= theirs.generation
    if mine.input and theirs.input and mine.input.name == theirs.input.name:
        sequencers = mine.input.sequencer, theirs.input.sequencer
        if all(sequencers):
            return sequencers[0] >= sequencers[1]
    return (mine.caused_at, mine.run) >= (theirs.caused_at, theirs.run)
