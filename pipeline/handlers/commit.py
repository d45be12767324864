"""Commits an output so that it appears whole or not at all, and once whoever tries.

One assembler's files are chosen by a conditional write; everybody copies the chosen ones, each
unless it is there; the conditional write of the manifest is the commit. Whoever comes second adopts
what the first wrote.
"""

from contextlib import suppress

from pydantic import BaseModel, ConfigDict

from pipeline.domain import naming
from pipeline.domain.manifest import AssembledFile, Manifest, Missing, OutputFile
from pipeline.domain.run import Run
from pipeline.errors import Conflict
from pipeline.handlers.accounts import Counts
from pipeline.handlers.engine import Engine
from pipeline.ports import BlobRef

MANIFEST = "manifest.json"
_JSON = "application/json"


class Chosen(BaseModel):
    """What one assembler made of a run, which everybody commits: files, and what is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[AssembledFile, ...]
    missing: tuple[Missing, ...]
    counts: Counts


def choose(engine: Engine, run: Run, mine: Chosen) -> Chosen:
    """Offer what this assembler made; return what counts: that of the first who offered."""
    with suppress(Conflict):
        engine.ports.writer.write(_offer(run), mine.model_dump_json().encode(), "*", _JSON)
        return mine
    return chosen(engine, run)


def chosen(engine: Engine, run: Run) -> Chosen:
    """Read what was chosen. Raises NotFound."""
    return Chosen.model_validate_json(engine.ports.blobs.read(_offer(run)))


def commit(engine: Engine, run: Run, what: Chosen) -> tuple[Manifest, BlobRef, str]:
    """Copy the chosen files to the output's immutable folder and write the manifest.

    Returns the manifest as it stands, where it is, and its ETag. Raises NotFound.
    """
    folder = naming.output_folder(run.pipeline, run.id, run.generation)
    manifest = Manifest(
        run=run.id,
        pipeline=run.pipeline,
        generation=run.generation,
        created_at=engine.now,
        caused_at=run.origin.at,
        input=run.input,
        parameters=run.parameters,
        files=tuple(_copy(engine, file, folder) for file in what.files),
        items=what.counts.succeeded + what.counts.failed,
        succeeded=what.counts.succeeded,
        missing=what.missing,
        missing_total=what.counts.failed,
        node_seconds=what.counts.node_seconds,
    )
    ref = BlobRef("output", f"{folder}/{MANIFEST}")
    content = manifest.model_dump_json(indent=2).encode()
    with suppress(Conflict):
        return manifest, ref, engine.ports.writer.write(ref, content, "*", _JSON)
    facts = engine.ports.blobs.head(ref)
    adopted = Manifest.model_validate_json(engine.ports.blobs.read(ref))
    return adopted, ref, facts.etag if facts else ""


def _offer(run: Run) -> BlobRef:
    folder = naming.generation_folder(run.id, run.generation)
    return BlobRef("work", f"{folder}/assembled/chosen.json")


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
