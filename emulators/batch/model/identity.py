"""Makes ETags and node names in the way of the service."""

import secrets
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def etag(moment: datetime) -> str:
    """Return the unquoted ETag of a user's change at that moment."""
    return f"0x8D{(moment - _EPOCH) // timedelta(microseconds=1):X}"


def later_etag(old: str, moment: datetime) -> str:
    """Return the ETag of a user's change at that moment; it differs from the last even if the clock
    stands still."""
    return f"0x{max(int(etag(moment), 16), int(old, 16) + 1):X}"


def node_name(dedicated: bool) -> str:
    """Draw a node id; ids of spot nodes have another suffix."""
    return f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
