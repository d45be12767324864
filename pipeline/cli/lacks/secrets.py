"""Says which secrets the programs of a pipeline need, and which of them this machine lacks."""

from collections.abc import Mapping, Sequence

from pipeline.adapters.secrets.local import LocalSecrets
from pipeline.cli.session import Session
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.secrets import Form, Secret
from pipeline.errors import FanfareError, SecretRefused

type Wanted = Mapping[str, object]


def note_secrets(session: Session, definition: Pipeline) -> list[Wanted]:
    """Return each secret with its stage, and say what is wrong with it on a local stack.

    `found` is None if the target is in Azure: only its app asks the vaults.
    """
    local = LocalSecrets(session.project.secrets) if _is_local(session) else None
    found: list[Wanted] = []
    for where, stage in definition.stages.items():
        for name, secret in stage.secrets.items():
            problem = _problem(local, secret) if local else ""
            if problem:
                session.note(problem)
            entry = {"stage": where[0], "variable": name, "from": secret.source, "as": secret.form}
            found.append({**entry, "found": not problem if local else None})
    return found


def shown(wanted: Sequence[Wanted]) -> str:
    """Write secrets in one line."""
    return ", ".join(
        f"{one['variable']} of {one['stage']} from {one['from']}"
        + (" as a file" if one["as"] == Form.FILE else "")
        + (" (missing)" if one["found"] is False else "")
        for one in wanted
    )


def _is_local(session: Session) -> bool:
    """Return whether the target is a stack of this machine, as it is if none is named."""
    if session.target is None and session.url is None:
        return True
    try:
        return session.engine.local
    except FanfareError:
        return False


def _problem(local: LocalSecrets, secret: Secret) -> str:
    try:
        objection = secret.objection(local.read(secret.source))
    except SecretRefused as error:
        return str(error)
    return f"The secret {secret.source} {objection}." if objection else ""
