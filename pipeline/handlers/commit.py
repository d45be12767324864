"""Commits an output so that it appears whole or not at all, and once whoever tries.

One assembler's files are chosen by a conditional write; everybody copies the chosen ones, each
unless it is there; the conditional write of the manifest is the commit. Whoever comes second adopts
what the first wrote.
"""

from contextlib import suppress

from pydantic import BaseModel, ConfigDict

from pipeline.domain import naming
from pipeline.domain.definition import Alias, Overwrite
from pipeline.domain.manifest import AssembledFile, Manifest, OutputFile, missing_of
from pipeline.domain.run import Run
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.handlers.gather import Gathered, total_items
from pipeline.ports import BlobRef

_JSON = "application/json"


class _Chosen(BaseModel):
    """The files that one assembler made and that everybody copies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[AssembledFile, ...]


def commit(
    engine: Engine, run: Run, gathered: Gathered, files: list[AssembledFile], node_seconds: float
) -> tuple[Manifest, BlobRef, str]:
    """Copy the chosen files to the output's immutable folder and write the manifest.

    Returns the manifest as it stands, where it is, and its ETag.
    """
    chosen = _choose(engine, run, files)
    folder = naming.output_folder(run.pipeline, run.id, run.generation)
    failed = gathered.failed
    manifest = Manifest(
        run=run.id,
        pipeline=run.pipeline,
        generation=run.generation,
        created_at=engine.now,
        input=run.input,
        parameters=run.parameters,
        files=tuple(_copy(engine, file, folder) for file in chosen.files),
        items=total_items(run),
        succeeded=len(gathered.parts),
        missing=missing_of(failed),
        missing_total=len(failed),
        node_seconds=node_seconds,
    )
    ref = BlobRef("output", f"{folder}/manifest.json")
    content = manifest.model_dump_json(indent=2).encode()
    with suppress(Conflict):
        return manifest, ref, engine.ports.writer.write(ref, content, "*", _JSON)
    facts = engine.ports.blobs.head(ref)
    adopted = Manifest.model_validate_json(engine.ports.blobs.read(ref))
    return adopted, ref, facts.etag if facts else ""


def _choose(engine: Engine, run: Run, files: list[AssembledFile]) -> _Chosen:
    folder = naming.generation_folder(run.id, run.generation)
    ref, chosen = BlobRef("work", f"{folder}/assembled/chosen.json"), _Chosen(files=tuple(files))
    with suppress(Conflict):
        engine.ports.writer.write(ref, chosen.model_dump_json().encode(), "*", _JSON)
        return chosen
    return _Chosen.model_validate_json(engine.ports.blobs.read(ref))


def _copy(engine: Engine, file: AssembledFile, folder: str) -> OutputFile:
    target = BlobRef("output", f"{folder}/{file.name}")
    facts = engine.ports.writer.copy(BlobRef("work", file.source), target)
    return OutputFile(
        name=file.name,
        url=engine.ports.blobs.url(target),
        size=facts.size,
        etag=facts.etag,
        digest=file.digest,
    )


def move_alias(engine: Engine, run: Run, manifest: Manifest) -> None:
    """Let the friendly name point at this output, unless that of a newer input is there."""
    policy = engine.definition(run).output
    name = _alias_name(run, policy.alias)
    if name is None:
        return
    ref = BlobRef("output", f"{run.pipeline}/{name}/manifest.json")
    facts = engine.ports.blobs.head(ref)
    if facts and (policy.overwrite is Overwrite.NEVER or not _newer(engine, run, ref)):
        return
    content = manifest.model_dump_json(indent=2).encode()
    engine.ports.writer.write(ref, content, facts.etag if facts else "*", _JSON)


def _alias_name(run: Run, alias: Alias) -> str | None:
    if alias is Alias.INPUT_NAME and run.input:
        return f"by-name/{run.input.name}"
    return None if alias is Alias.NONE else "latest"


def _newer(engine: Engine, run: Run, ref: BlobRef) -> bool:
    """Whether the run's input is not older than that behind the alias: by sequencer, then time."""
    current = Manifest.model_validate_json(engine.ports.blobs.read(ref))
    mine, theirs = run.input, current.input
    same_blob = mine and theirs and mine.name == theirs.name and theirs.sequencer
    if same_blob and mine and theirs and mine.sequencer:
        return mine.sequencer >= theirs.sequencer
    return True
