"""Names and versions: which ids the service takes, and how it makes ETags and node names."""

import re
import secrets
from datetime import UTC, datetime, timedelta

from emulators.batch.document import Doc
from emulators.batch.errors import invalid, missing

_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def require_id(body: Doc, name: str = "id") -> str:
    """Return the body's id, or refuse as the service does."""
    value = body.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str) or not _ID.match(value):
        raise invalid(name, value, "Ids are 1 to 64 of letters, digits, hyphens and underscores.")
    return value


def etag(moment: datetime) -> str:
    """Return the unquoted ETag of a user's change at that moment."""
    return f"0x8D{(moment - _EPOCH) // timedelta(microseconds=1):X}"


def node_name(dedicated: bool) -> str:
    """Draw a node id; spot nodes end differently."""
    return f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
