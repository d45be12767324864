"""What a long step keeps for its next slice: blobs named by their digests, which its cursor has."""

import hashlib

from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound, Permanent
from pipeline.handlers.engine import Engine


class Spoiled(Permanent):
    """A record of a step was deleted or changed by someone else."""


def keep(engine: Engine, run: Run, step: str, content: bytes) -> str:
    """Keep something of a step; return its digest, by which it is read again."""
    digest = hashlib.sha256(content).hexdigest()
    ref = run.names.kept(step, digest)
    engine.ports.writer.write(ref, content, content_type="application/json")
    return digest


def read(engine: Engine, run: Run, step: str, digest: str, what: str) -> bytes:
    """Read what a step kept; an error calls it `what`. Raises Spoiled."""
    ref = run.names.kept(step, digest)
    try:
        content = engine.ports.blobs.read(ref)
    except NotFound as error:
        raise Spoiled(f"The blob {ref.name}, {what}, was deleted.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise Spoiled(f"The blob {ref.name}, {what}, was changed.")
    return content
