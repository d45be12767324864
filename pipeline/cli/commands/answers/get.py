"""`fanfare get`, `verify` and `open`: the output of a run on this machine."""

import hashlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.exits import Exit
from pipeline.cli.fetching import checking
from pipeline.cli.fetching import folder as folders
from pipeline.cli.fetching.committed import Committed, committed
from pipeline.cli.fetching.desktop import cache_folder, can_be_looked_at, open_there
from pipeline.cli.fetching.fetch import fetch, shown
from pipeline.cli.fetching.getting import Fetched
from pipeline.cli.lookup import RunArgument, run_named
from pipeline.cli.session import Session
from pipeline.cli.views import outputs as display
from pipeline.cli.views import wording
from pipeline.domain.outputs.agreement import Agreement
from pipeline.domain.texts.visible import visible


def get(
    context: typer.Context,
    run: RunArgument,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder to write into; default: one named like the run.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files in the folder that differ.")
    ] = False,
) -> None:
    """Fetch a run's output into a folder; a second call goes on where the first was cut off."""
    session: Session = context.obj
    output = committed(session, run_named(session, run))
    fetched = fetch(session, output, folder or Path(output.folder_name), replace=replace)
    total = f"{wording.count(len(fetched.files), 'file')}, {wording.size(output.manifest.bytes)}"
    there = f", {fetched.kept:,} of them were there" if fetched.kept else ""
    answer = {
        "run": output.run.id,
        "generation": output.run.generation,
        "folder": str(fetched.folder),
        "files": [str(path) for path in fetched.files],
        "bytes": output.manifest.bytes,
        "fetched": fetched.fetched,
        "kept": fetched.kept,
    }
    session.answer(answer, _whole(f"{visible(str(fetched.folder))}: {total}{there}"))


def verify(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder that `fanfare get` has written.")],
) -> None:
    """Check a fetched output against its manifest, offline; code 1 if a file does not agree."""
    session: Session = context.obj
    with folders.opened(folder) as opened:
        manifest = checking.manifest_in(opened)
        files = checking.files_by_path(manifest, partial(checking.page_in, opened))
        with shown(session, "check", manifest.bytes) as advance:
            found = checking.judged(opened, files, advance)
        found += checking.extra(opened, files)
    agrees = all(one.agreement is Agreement.OK for one in found)
    answer = {
        "run": manifest.run,
        "generation": manifest.generation,
        "agrees": agrees,
        "files": [asdict(one) for one in found],
    }
    session.answer(answer, display.judgements(manifest, found))
    if not agrees:
        raise typer.Exit(Exit.FAILED)


def open(  # the name of the command
    context: typer.Context,
    run: RunArgument,
    only_print: Annotated[
        bool, typer.Option("--print", help="Only print where the output is.")
    ] = False,
) -> None:
    """Open a run's output: fetch it into a cache, and show its file or folder."""
    session: Session = context.obj
    output = committed(session, run_named(session, run))
    fetched = fetch(session, output, _cache(session, output), replace=True)
    path, opened = _shown_path(fetched), False
    if not only_print:
        chosen = _safe(session, path)
        opened = (session.open_there or open_there)(chosen)
        if not opened:
            session.note("There is no desktop here that could open it:")
    session.answer({"path": str(path), "opened": opened}, _whole(visible(str(path))))


def _whole(text: str) -> Text:
    """Keep a path on one line, so that it can be copied."""
    return Text(text, no_wrap=True, overflow="ignore")


def _cache(session: Session, output: Committed) -> Path:
    """Return the folder of an output in the user's cache; another output never has the same."""
    digest = hashlib.sha256(output.content).hexdigest()[:12]
    return (session.cache or cache_folder()) / "outputs" / f"{output.folder_name}-{digest}"


def _shown_path(fetched: Fetched) -> Path:
    """Return the only file of an output, or the folder."""
    folder = fetched.folder.absolute()
    return folder / fetched.files[0] if len(fetched.files) == 1 else folder


def _safe(session: Session, path: Path) -> Path:
    """Return the folder of a file that may contain a program: it is never run."""
    if path.is_dir() or can_be_looked_at(path):
        return path
    session.note(f"{visible(path.name)} may contain a program: only its folder is opened.")
    return path.parent
