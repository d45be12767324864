"""Finds what executions of a task finished that left no receipt."""

from pipeline.domain.runs import naming
from pipeline.domain.runs.journals import MAX_JOURNAL_BYTES, Journal, parse_journal
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import ReceiptInvalid, journal_address, journal_attempt
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.engine import Engine, context, log


def furthest(
    engine: Engine, run: Run, unit: str, expected: tuple[int, ...]
) -> tuple[str, Journal] | None:
    """Return the journal of a unit that has the most items, and its blob's name; None if empty."""
    found: list[tuple[str, Journal]] = []
    for facts in engine.ports.blobs.list(naming.WORK, f"{run.names.journals(unit)}/"):
        if not run.names.knows(journal_address(facts.ref.name)):
            fields = {**context(run, "journals"), "journal": facts.ref.name}
            log.warning("Journal ignored: nobody was told to put it there", extra=fields)
            continue
        try:
            found.append((facts.ref.name, read(engine, facts.ref.name, expected)))
        except ReceiptInvalid as error:
            log.warning(
                "Journal not counted",
                extra={
                    **context(run, "journals"),
                    "journal": facts.ref.name,
                    "reason": str(error),
                },
            )
    best = max(found, key=lambda one: (len(one[1].items), one[0]), default=None)
    return best if best and best[1].items else None


def read(engine: Engine, name: str, expected: tuple[int, ...]) -> Journal:
    """Read a journal. Raises ReceiptInvalid when it is malformed, gone, or of another task."""
    attempt = journal_attempt(name)
    if attempt is None:
        raise ReceiptInvalid("The name is not that of a journal.")
    try:
        ref = BlobRef(naming.WORK, name)
        content = engine.ports.blobs.read(ref, 0, MAX_JOURNAL_BYTES + 1)
    except NotFound as error:
        raise ReceiptInvalid("The journal is gone.") from error
    return parse_journal(content, attempt, expected)
