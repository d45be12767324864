"""Fetches the output of a run with progress, and says what could not be compared."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.cli.fetching import getting
from pipeline.cli.fetching.checking import Advance
from pipeline.cli.fetching.committed import Committed, output_of
from pipeline.cli.fetching.getting import Fetched
from pipeline.cli.lookup import needed
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.cli.views.transfers import transfer
from pipeline.domain.texts.visible import visible


def fetch_all(session: Session, folders: Mapping[str, Path], into: Path) -> None:
    """Fetch what runs have committed, each into its folder; runs without output are left out."""
    fetched = 0
    for id_, folder in folders.items():
        run = needed(session, id_)
        if run.output:
            found = output_of(session, run)
            fetch(session, found, folder, replace=False, told=len(folders) == 1)
            fetched += 1
    if fetched:
        outputs = wording.count(fetched, "output")
        session.note(f"{outputs} fetched into {visible(str(into))}.")


def fetch(
    session: Session, output: Committed, folder: Path, *, replace: bool, told: bool = True
) -> Fetched:
    """Fetch an output into a folder; `told` says so where nobody sees progress.

    Raises CommandError.
    """
    if told and not session.lively:
        files = wording.count(output.manifest.total, "file")
        session.note(
            f"Fetching {files}, {wording.size(output.manifest.bytes)}, into {visible(str(folder))}"
        )
    fetched = getting.get(
        output, folder, lambda text, total: shown(session, text, total), replace=replace
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
