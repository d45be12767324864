"""Fetches the output of a run with progress, and says what could not be compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.cli.fetching import getting
from pipeline.cli.fetching.checking import Advance
from pipeline.cli.fetching.committed import Committed, committed
from pipeline.cli.fetching.getting import Fetched
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.cli.views.transfers import transfer
from pipeline.domain.texts.visible import visible
from pipeline.ledger import runs


def fetch_if_there(session: Session, run: str, folder: Path) -> None:
    """Fetch what a run has committed; a run without output is left out."""
    if runs.need(session.engine.ports.tables, run).run.output:
        fetched = fetch(session, committed(session, run), folder, replace=False)
        session.note(f"Its output is in {visible(str(fetched.folder))}.")


def fetch(session: Session, output: Committed, folder: Path, *, replace: bool) -> Fetched:
    """Fetch an output into a folder. Raises CommandError."""
    if not session.lively:
        files = wording.count(len(output.manifest.files), "file")
        session.note(
            f"Fetching {files}, {wording.size(output.manifest.bytes)}, into {visible(str(folder))}"
        )
    blobs = session.engine.ports.blobs
    fetched = getting.get(
        blobs, output, folder, lambda text, total: shown(session, text, total), replace=replace
    )
    if fetched.unknown:
        files = wording.count(fetched.unknown, "file")
        session.note(f"The manifest has no SHA-256 of {files}: only sizes were compared.")
    return fetched


@contextmanager
def shown(session: Session, text: str, total: int) -> Iterator[Advance]:
    """Show progress if a person watches, and there is something to do."""
    if not session.lively or not total:
        yield lambda _: None
        return
    with transfer(session.out, text, total) as advance:
        yield advance
