"""Runs without a backup, as those of an earlier release: what their blobs tell of them.

Only containers that nothing but the app writes are believed: manifests in `output`, plans in
`engine`. A receipt alone proves nothing, or whoever can write one could keep an input from running.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from pydantic import ValidationError

from pipeline.domain.notation.accounts import account_of
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.keeping import outputs
from pipeline.domain.runs.keeping.tombstones import found
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.run import Origin, OriginKind, Output, Run
from pipeline.errors import Permanent
from pipeline.handlers.engine import Engine
from pipeline.ports.blobs import BlobFacts

_GENERATION = re.compile(r"g([1-9][0-9]{0,3})")
_MOST = 64 << 20  # bytes of a manifest
LOST = "The ledger was lost while this run was going on, or before it was said how it ended."


class ManifestInvalid(Permanent):
    """A manifest is malformed, or is not that of the run whose name it has."""


def committed(engine: Engine) -> Iterator[BlobFacts]:
    """Yield the manifest of the last generation of each run that has an output."""
    listed = engine.ports.blobs.list(naming.OUTPUT, "")
    named = ((outputs.manifest_of(facts.ref.name), facts) for facts in listed)
    manifests = ((names, facts) for names, facts in named if names)
    for _, of_run in groupby(manifests, key=lambda pair: pair[0].run):
        yield max(of_run, key=lambda pair: pair[0].number)[1]


def of_manifest(engine: Engine, facts: BlobFacts) -> Run:
    """Return the tombstone of a run by its manifest. Raises ManifestInvalid."""
    names = outputs.manifest_of(facts.ref.name)
    if names is None or facts.size > _MOST:
        raise ManifestInvalid(f"it has more than {_MOST:,} bytes")
    try:
        manifest = Manifest.model_validate_json(engine.ports.blobs.read(facts.ref))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ManifestInvalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if (manifest.run, manifest.generation) != (names.run, names.number):
        raise ManifestInvalid("it is that of another run")
    pipeline = naming.pipeline_of(names.run) or ""
    if manifest.pipeline != pipeline:
        raise ManifestInvalid("it is that of another pipeline")
    output = Output(
        manifest=engine.ports.blobs.url(facts.ref),
        manifest_etag=facts.etag,
        files=manifest.total,
        bytes=manifest.bytes,
    )
    return Run.model_validate(
        {
            **found(names.run, pipeline, _origin(manifest), manifest.caused_at),
            "generation": names.number,
            "state": State.SUCCEEDED,
            "input": manifest.input and manifest.input.model_copy(update={"snapshot": None}),
            "succeeded": manifest.succeeded,
            "failed": manifest.missing_total,
            "node_seconds": manifest.node_seconds,
            "output": output,
            "ended_at": manifest.created_at,
            "purged_at": engine.now,
        }
    )


def _origin(manifest: Manifest) -> Origin:
    """Return the cause of a run, if its id proves it; otherwise an unknown cause."""
    source = manifest.input
    if source:
        key = (OriginKind.BLOB, account_of(source.url), source.container, source.name, source.etag)
        if naming.run_id(manifest.pipeline, key) == manifest.run:
            return Origin(kind=OriginKind.BLOB, key=key, at=manifest.caused_at)
    return Origin(kind=OriginKind.OTHER, key=(manifest.run,), at=manifest.caused_at)


def planned(engine: Engine) -> Iterator[tuple[str, int, BlobFacts]]:
    """Yield each run that has a plan, with its last generation and a blob of that."""
    listed = engine.ports.blobs.list(naming.ENGINE, "")
    split = ((facts.ref.name.split("/"), facts) for facts in listed)
    known = ((parts, facts) for parts, facts in split if naming.pipeline_of(parts[0]))
    for run, blobs in groupby(known, key=lambda pair: pair[0][0]):
        numbered = [(_number(parts[1]), facts) for parts, facts in blobs if len(parts) > 1]
        last = max(numbered, key=lambda pair: pair[0], default=None)
        if last and last[0]:
            yield run, *last


def of_plan(engine: Engine, run: str, generation: int, facts: BlobFacts) -> Run:
    """Return a run of which only a plan is left, as one that failed."""
    pipeline = naming.pipeline_of(run) or ""
    at = facts.created or facts.modified
    origin = Origin(kind=OriginKind.OTHER, key=(run,), at=at)
    return Run.model_validate(
        {
            **found(run, pipeline, origin, at),
            "generation": generation,
            "state": State.FAILED,
            "cause": Cause.UNKNOWN,
            "error": LOST,
            "ended_at": engine.now,
            "purged_at": engine.now,
        }
    )


def _number(folder: str) -> int:
    match = _GENERATION.fullmatch(folder)
    return int(match[1]) if match else 0
