"""Moments as the recordings write them: without an offset in UTC, with up to seven digits."""

import re
from datetime import UTC, datetime


def utc(text: str) -> datetime:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d", r"\1", text))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
