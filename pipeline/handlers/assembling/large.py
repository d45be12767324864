"""Copies one very large file into the output and computes its digest, in slices.

Its blocks are staged as `staging` does. The digest goes on from a state that is kept, so no slice
reads what another one read.
"""

from dataclasses import dataclass

from pipeline.domain.outputs.sha256 import Sha256
from pipeline.domain.runs.manifest import AssembledFile
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict
from pipeline.handlers.assembling.staging import Begun, Staged, cut
from pipeline.handlers.engine import Engine
from pipeline.handlers.kept import Spoiled
from pipeline.handlers.tenure import Tenure, TimeIsUp, holding
from pipeline.ports.blobs import BlobFacts, Piece

LARGE = 1 << 30  # bytes of the largest file that is copied and read within one invocation


class _Sofar(Stored):
    """How far one file of the output is: what is staged, then the copy, and the digest's state."""

    name: str = ""
    begun: Begun = Begun()
    etag: str = ""
    digest: str = ""


def copy_large(
    engine: Engine, run: Run, outer: Tenure, file: AssembledFile, kind: str
) -> tuple[str, str, int]:
    """Copy a file unless it is there; return ETag, SHA-256 and size of what is.

    Raises Elsewhere, TimeIsUp, NotFound, Spoiled.
    """
    with holding(engine, run, "commit-large", outer) as tenure:
        sofar = tenure.noted(_Sofar) or _Sofar()
        if sofar.name != file.name:
            sofar = _Sofar(name=file.name)
        return _Copy(engine, run.names.output(file.name), tenure, sofar).go_on(file, kind)


@dataclass
class _Copy:
    """One invocation's work on a file."""

    engine: Engine
    target: BlobRef
    tenure: Tenure
    sofar: _Sofar

    def go_on(self, file: AssembledFile, kind: str) -> tuple[str, str, int]:
        """Copy the file, then read the copy."""
        if not self.sofar.etag:
            self._note(etag=self._copied(file, kind).etag)
        digest = self._digest()
        facts = self.engine.ports.blobs.head(self.target)
        if facts is None or facts.etag != self.sofar.etag:
            raise Spoiled(f"The blob {self.target.name} was changed while it was committed.")
        return facts.etag, digest.hexdigest(), digest.size

    def _copied(self, file: AssembledFile, kind: str) -> BlobFacts:
        there = self.engine.ports.blobs.head(self.target)
        if there is not None:
            return there
        staged = Staged(self.engine, self.target, self.sofar.begun, self.tenure, self._note_begun)
        pieces = list(cut([Piece(file.blob, file.offset or 0, file.size)]))
        try:
            return staged.compose(pieces, kind, new=True)
        except Conflict:
            there = self.engine.ports.blobs.head(self.target)
            if there is None:
                raise
            return there

    def _digest(self) -> Sha256:
        """Read the copy from where the last invocation ended. Raises TimeIsUp."""
        found = self._begun()
        for chunk in self.engine.ports.blobs.stream(self.target, found.size):
            found.update(chunk)
            self.tenure.renew()
            if self.engine.time_is_up and found.kept:
                self._note(digest=found.kept)
                raise TimeIsUp(f"{found.size:,} bytes of {self.target.name} are read.")
        return found

    def _begun(self) -> Sha256:
        """Go on with the digest, or begin it: a Python without OpenSSL's library cannot go on."""
        try:
            return Sha256.of(self.sofar.digest)
        except ValueError:
            return Sha256()

    def _note_begun(self, begun: Begun | None) -> None:
        self._note(begun=begun or Begun())

    def _note(self, **changes: object) -> None:
        self.sofar = self.sofar.model_copy(update=changes)
        self.tenure.note(self.tenure.position + 1, self.sofar.model_dump_json())
