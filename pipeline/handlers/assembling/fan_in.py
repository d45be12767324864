"""What the step `assemble` has so far, when it is more than one invocation's work.

A run of few items that makes a small output needs no cursor: it is done at once, and only the
commit decides. Of others one invocation at a time has the step.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field

from pipeline.domain.outputs.kept_parts import Outputs, encoded
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.handlers.assembling.staging import Begun, Staged
from pipeline.handlers.collecting import indexing
from pipeline.handlers.collecting.gather import Gathered, gather, total_items
from pipeline.handlers.collecting.gathering import Gathering
from pipeline.handlers.engine import Engine
from pipeline.handlers.running.confirming import BatchWord, batch_word
from pipeline.handlers.tenure import Tenure, TimeIsUp, holding


class _Sofar(Stored):
    """`gathered` is the digest of what is gathered, which is `settled` once it was judged.

    `begun` is what is staged of the file in `folder`, and `of` the digest of what it is made of.
    """

    gathered: str = ""
    settled: bool = False
    of: str = ""
    folder: str = ""
    begun: Begun = Begun()


@dataclass
class FanIn:
    """One invocation's part in assembling a run. `stack` ends with the invocation."""

    engine: Engine
    run: Run
    stack: ExitStack
    _sofar: _Sofar = field(default_factory=_Sofar)
    _tenure: Tenure | None = None

    @property
    def settled(self) -> bool:
        """Whether an earlier invocation judged the results, and found them final."""
        return self._sofar.settled

    def hold(self) -> Tenure:
        """Hold the step from now on. Raises Elsewhere."""
        if self._tenure is None:
            self._tenure = self.stack.enter_context(holding(self.engine, self.run, "assemble"))
            if self._tenure.body:
                self._sofar = self._tenure.content(_Sofar)
        return self._tenure

    def gather(self) -> tuple[Gathered, Outputs]:
        """Gather all results, or a slice of them. Raises Elsewhere, TimeIsUp, Spoiled."""
        if total_items(self.run) <= indexing.FEW:
            gathered = gather(self.engine, self.run, self._word())
            return gathered, gathered.parts
        tenure = self.hold()
        gathering = Gathering(self.engine, self.run, self._sofar.gathered)
        if not gathering.over:
            gathering.go_on(self._word(), tenure)
            self._note(gathered=gathering.keep())
        if not gathering.over:
            raise TimeIsUp(f"{gathering.result.heard:,} tasks are gathered.")
        return gathering.result, gathering.outputs

    def settle(self) -> None:
        """Note that what was gathered is final."""
        if self._tenure:
            self._note(settled=True)

    def begin_anew(self) -> None:
        """Forget what was gathered: something of it will change."""
        if self._tenure:
            self._sofar = _Sofar()
            self._tenure.note(0, "")

    def _word(self) -> BatchWord:
        return batch_word(self.engine, self.run, range(self.run.executions + 1))

    def staged(self, parts: Outputs, name: str) -> Staged:
        """Go on with the one file that the parts become, or begin it. Raises Elsewhere."""
        tenure = self.hold()
        of = self._sofar.gathered or encoded(self.run.generation, parts)[0].sha256
        if self._sofar.of != of:
            folder = self.run.names.assembled(self.engine.token())
            self._sofar = self._sofar.model_copy(
                update={"of": of, "folder": folder, "begun": Begun()}
            )
        ref = BlobRef(naming.ENGINE, f"{self._sofar.folder}/{name}")
        return Staged(self.engine, ref, self._sofar.begun, tenure, self._note_begun)

    def _note_begun(self, begun: Begun | None) -> None:
        if begun is None:
            self._note(of="", begun=Begun())
        else:
            self._note(begun=begun)

    def _note(self, **changes: object) -> None:
        self._sofar = self._sofar.model_copy(update=changes)
        self.hold().note(self._sofar.begun.blocks, self._sofar.model_dump_json())
