"""Starts runs as a user would: by uploading a file where its pipeline listens, or by a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.doors.direct import chunks_of
from pipeline.cli.doors.door import Advance
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Deadline, Session
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.trigger import Api
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.texts.visible import visible
from pipeline.handlers.starting.lost_events import event_of
from pipeline.handlers.starting.start import blob_key
from pipeline.ledger import runs
from pipeline.ports.blobs import BlobFacts

_EVENT_POLL_S = 0.1
_SAY_AFTER_S = 10.0


@dataclass(frozen=True)
class Order:
    """The run that `fanfare run` should start."""

    pipeline: Pipeline
    parameters: Mapping[str, str]
    name: str | None = None
    key: str | None = None


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """Read `name=value` pairs. Raises CommandError."""
    pairs = [text.partition("=") for text in given]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise CommandError(f"{name!r} is not a parameter: write -p name=value.", Exit.USAGE)
    return {name: value for name, _, value in pairs}


def check(order: Order, files: Sequence[Path]) -> None:
    """Raise CommandError, before any upload, if the pipeline would not accept the order."""
    order.pipeline.resolve_parameters(order.parameters)
    pipeline = order.pipeline
    if order.name and len(files) != 1:
        raise CommandError("--name needs exactly one file.", Exit.USAGE)
    if not files and not pipeline.trigger.http:
        raise CommandError(f"Pipeline {pipeline.name} needs a file: name one.", Exit.USAGE)
    if not files and pipeline.split.needs_input:
        raise CommandError(
            f"Pipeline {pipeline.name} splits its input ({pipeline.split.kind}): name a file.",
            Exit.USAGE,
        )
    for file in files:
        _check_file(order, file)
    _check_names(order, files)


def _check_names(order: Order, files: Sequence[Path]) -> None:
    """Refuse two files that would become the same blob: the second would replace the first."""
    names = [file.name for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None and not by_request(order):
        raise CommandError(
            f"Two files are called {visible(twice)} and would become the same blob: "
            "start them one after the other, each with a --name of its own.",
            Exit.USAGE,
        )


def start_by_upload(session: Session, order: Order, file: Path, advance: Advance) -> str:
    """Upload a file where the pipeline listens; return the id of the run that its event starts."""
    trigger = order.pipeline.trigger.blob
    assert trigger is not None  # noqa: S101 - the caller chose by it
    ref = BlobRef(trigger.container, blob_name(order, file))
    facts = send(session, ref, file, order.parameters, advance)
    return naming.run_id(order.pipeline.name, blob_key(event_of(session.engine, facts)))


def wait_for_start(session: Session, run: str, deadline: Deadline) -> None:
    """Wait until the upload's event has started the run, with a note if that takes long.

    Raises CommandError on a timeout.
    """
    began, said = session.monotonic(), False
    while runs.load(session.engine.ports.tables, run) is None:
        if not said and session.monotonic() - began > _SAY_AFTER_S:
            session.note("The upload's event has not arrived yet; the sweep will find the file.")
            said = True
        deadline.check(f"the file is uploaded, but run {run} has not started")
        session.sleep(_EVENT_POLL_S)


def send(
    session: Session, ref: BlobRef, file: Path, metadata: Mapping[str, str], advance: Advance
) -> BlobFacts:
    """Upload a file, and tell `advance` how many bytes went."""
    return session.engine.ports.writer.upload(ref, chunks_of(file, advance), metadata=metadata)


def blob_name(order: Order, file: Path) -> str:
    """Return the name under which a file starts the pipeline."""
    prefix = order.pipeline.trigger.blob.prefix if order.pipeline.trigger.blob else ""
    return order.name or f"{prefix}{file.name}"


def by_request(order: Order) -> bool:
    """Return whether the pipeline starts by a request, not by an upload."""
    return order.pipeline.trigger.blob is None


def stranger(order: Order, file: Path) -> str:
    """Say why a file would start no run of the pipeline by its name, or return ""."""
    trigger, name = order.pipeline.trigger.blob, blob_name(order, file)
    if trigger is None or trigger.matches(trigger.container, name):
        return ""
    wanted = f"{trigger.prefix}*" + (f" with {', '.join(trigger.suffix)}" * bool(trigger.suffix))
    return f"{name!a} would start no run: {order.pipeline.name} accepts {wanted}"


def _check_file(order: Order, file: Path) -> None:
    if not file.is_file():
        raise CommandError(f"There is no file {file}.", Exit.USAGE)
    if file.stat().st_size == 0:
        raise CommandError(f"{file} is empty: an empty blob starts no run.", Exit.USAGE)
    trigger = order.pipeline.trigger.blob
    if trigger is None:
        return
    if why := stranger(order, file):
        raise CommandError(f"{why}. Give such a name with --name.", Exit.USAGE)
    if Api.PUT_BLOCK_LIST not in trigger.apis:
        raise CommandError(
            f"Pipeline {order.pipeline.name} does not accept PutBlockList, which this command "
            "uses: upload the file with another tool."
        )
    for parameter, value in order.parameters.items():
        if not value.isascii() or value != value.strip() or not value.isprintable():
            raise CommandError(
                f"{parameter}: a blob's metadata can hold only plain ASCII, not {value!a}.",
                Exit.USAGE,
            )
