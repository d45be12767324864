"""Runs a case on a local stack: from the upload of its input to its completion event.

Every item is carried out. A case with an `item` is judged by that item's own outputs and log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.doors.door import Wanted
from pipeline.cli.exits import CommandError
from pipeline.cli.fetching import getting
from pipeline.cli.fetching.checking import Advance
from pipeline.cli.fetching.committed import output_of
from pipeline.cli.fetching.logs import logs_of, unit_of_item
from pipeline.cli.follow import follow
from pipeline.cli.session import Deadline, Session
from pipeline.cli.starting import listing, uploads
from pipeline.cli.starting.uploads import Order
from pipeline.cli.trying import items
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.judging import End, refused
from pipeline.domain.outputs.parts import Part
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.logs import part_of
from pipeline.errors import Permanent
from pipeline.handlers.collecting.reading import items_of
from pipeline.handlers.published import PlannedItems
from pipeline.ledger import outbox, tasks

_POLL_S = 0.1


@dataclass(frozen=True)
class OnStack:
    """Carries out cases on the session's target, each within a number of seconds."""

    session: Session
    timeout_s: float

    def carry_out(self, case: Case, folder: Path) -> End:
        """Upload the input of a case, wait for its completion event, and fetch what it made.

        Raises Transient when the stack does not answer.
        """
        deadline = Deadline.begun(self.session, self.timeout_s)
        run = ""
        try:
            run = self._started(case, folder, deadline)
            (standing,) = follow(self.session, [run], deadline, shown=False)
            self._announced(standing.run, deadline)
            return self._end(case, standing.run, folder / "outputs")
        except (CommandError, Permanent) as error:
            return refused(error, run)

    def _started(self, case: Case, folder: Path, deadline: Deadline) -> str:
        """Upload the input where the pipeline listens, or start the run as a request does."""
        file, order = case.given_in(folder), _order(case)
        if case.body.folder:
            for one in listing.files(case.pipeline, case.file(case.body.folder)):
                uploads.send(self.session, one.ref, one.file, {}, _unseen)
        if file is None or uploads.by_request(order):
            wanted = Wanted(order.pipeline.name, order.parameters, file, order.name, order.key)
            return self.session.door.start(wanted, _unseen)
        uploads.check(order, [file])
        run = uploads.start_by_upload(self.session, order, file, _unseen)
        uploads.wait_for_start(self.session, run, deadline)
        return run

    def _announced(self, run: Run, deadline: Deadline) -> None:
        """Wait until Event Grid has taken the completion event."""
        tables, event = self.session.engine.ports.tables, run.names.event(run.state)
        while outbox.find(tables, run.id, event) is not None:
            deadline.check(f"run {run.id} {run.state}, and its event waits to be published")
            self.session.sleep(_POLL_S)

    def _end(self, case: Case, run: Run, folder: Path) -> End:
        if case.body.item is not None and run.plan is not None:
            return self._of_item(run, case.body.item, folder)
        if run.state is not State.SUCCEEDED:
            return End(cause=str(run.cause), error=run.error, run=run.id)
        output = output_of(self.session, run)
        getting.get(output, folder, _unshown)
        made = {file.name: folder / file.name for file in output.files()}
        return End(made, run=run.id)

    def _of_item(self, run: Run, number: int, folder: Path) -> End:
        engine = self.session.engine
        unit = unit_of_item(self.session, run, number)
        row = tasks.find(engine.ports.tables, run.id, run.generation, unit)
        found = items_of(engine, PlannedItems(engine, run.plan), row.result) if row else ()
        item = next((one for one in found if one.id == number), None)
        if row is None or item is None:  # the run ended before
            return End(cause=str(run.cause), error=run.error, run=run.id)
        if not item.succeeded:
            log = "".join(part_of(one.text, number) for one in logs_of(self.session, run, unit))
            return End(cause=str(item.cause), error=log or item.tail, run=run.id)
        parts = [
            Part(
                number, one.name,
                run.names.output_of(row.result.address_of(one.blob), one.blob),
                one.size, one.sha256, one.offset,
            )
            for one in item.outputs
        ]  # fmt: skip
        return End(items.write_outputs(engine.ports.blobs, parts, folder), run=run.id)


def _order(case: Case) -> Order:
    """Return what `fanfare run` would be asked; blobs carry parameters as texts."""
    resolved = case.pipeline.resolve_parameters(case.body.parameters)
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in resolved.items()
    }
    return Order(case.pipeline, texts, case.blob_name or None)


def _unseen(_: int) -> None:
    """Count bytes that nobody watches."""


@contextmanager
def _unshown(_text: str, _total: int) -> Iterator[Advance]:
    yield _unseen
