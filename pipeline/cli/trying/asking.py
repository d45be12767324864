"""What the user asks to try, checked before anything is started."""

from dataclasses import replace
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.starting import listing, uploads
from pipeline.cli.starting.uploads import Order
from pipeline.cli.trying.trial import Attempt, Definitions
from pipeline.domain.definitions.pipeline import Pipeline


def definitions_of(session: Session) -> Definitions:
    """Return the definitions that the command works on."""
    return Definitions(session.project.root, session.definitions(), session.project.secrets)


def attempt_of(order: Order, file: Path | None, folder: Path | None = None) -> Attempt:
    """Return what is to be tried. Raises CommandError and InvalidParameters."""
    pipeline = order.pipeline
    pipeline.resolve_parameters(order.parameters)
    listed = listing.files(pipeline, folder) if folder else []
    attempt = Attempt(pipeline, parameters=order.parameters, listed=tuple(listed))
    if file is None:
        _check_without(pipeline)
        return attempt
    _check(file)
    return replace(attempt, file=file.resolve(), name=uploads.blob_name(order, file))


def note_of(order: Order, file: Path | None) -> str:
    """Say what a run would do with an input that trying takes all the same, or return ""."""
    why = uploads.stranger(order, file) if file else ""
    return f"{why}. It is tried all the same." if why else ""


def check_on_machine(pipeline: Pipeline) -> None:
    """Raise CommandError if the program runs in an image, where no shell or debugger is opened."""
    if image := pipeline.task.image:
        raise CommandError(
            f"--shell and --debug open nothing in a container, and {pipeline.name} runs in "
            f"{image}: start the image by hand, or try the item without them.",
            Exit.USAGE,
        )


def _check(file: Path) -> None:
    if not file.exists():
        raise CommandError(f"There is no file {file}.", Exit.USAGE)
    if not file.is_file():
        raise CommandError(f"{file} is not a file: name one.", Exit.USAGE)
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", Exit.USAGE) from error
    if empty:
        raise CommandError(f"{file} is empty: an empty blob starts no run.", Exit.USAGE)


def _check_without(pipeline: Pipeline) -> None:
    if pipeline.split.needs_input:
        raise CommandError(
            f"Pipeline {pipeline.name} splits its input ({pipeline.split.kind}): name a file.",
            Exit.USAGE,
        )
