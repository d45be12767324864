"""Notices files that were edited since the app started: a run would not use the edit."""

from collections.abc import Sequence

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.handlers.running import versions

_POLL_S, _PATIENCE_S = 0.5, 5.0


def note_edits(session: Session, pipeline: Pipeline) -> list[str]:
    """Say which files the app has in another version; return them."""
    edited = _edited(session, pipeline)
    if edited:
        session.note(_differ(session, edited))
    return edited


def refuse_edits(session: Session, pipeline: Pipeline, otherwise: str = "") -> None:
    """Refuse to start what the app would not run as it is here. Raises CommandError.

    `otherwise` tells of an option of the command that starts it all the same.

    An app that was started just now notes its versions within seconds, so look more than once.
    """
    until = session.monotonic() + _PATIENCE_S
    while (edited := _edited(session, pipeline)) and session.monotonic() < until:
        with session.busy("An edited file is not deployed yet"):
            session.sleep(_POLL_S)
    if edited:
        raise CommandError(f"{_differ(session, edited)} {otherwise}".rstrip(), Exit.USAGE)


def _edited(session: Session, pipeline: Pipeline) -> list[str]:
    """Name the files of which the app has another version and will go on having it."""
    return [] if session.engine.reloads else versions.unlike_the_app(session.engine, pipeline)


def _differ(session: Session, edited: Sequence[str]) -> str:
    deploy = session.stack().command("up") if session.engine.local else "azd up"
    return (
        f"The app has another version of {', '.join(edited)} than this folder. "
        f"Deploy the edit: `{deploy}`."
    )
