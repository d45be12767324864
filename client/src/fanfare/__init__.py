"""Start runs of Fanfare, be told when they end, and fetch what they made.

`Fanfare` is synchronous, `AsyncFanfare` is for asyncio; both do the same. The package imports
nothing of the engine: it speaks the HTTP interface that docs/http.md promises.
"""

from fanfare.aio import AsyncFanfare
from fanfare.client import Fanfare
from fanfare.errors import (
    Conflict,
    Damaged,
    FanfareError,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from fanfare.retries import Retries
from fanfare.values import CompletionEvent, OutputFile, Outputs, Run

__version__ = "0.2.0"

__all__ = [
    "AsyncFanfare",
    "CompletionEvent",
    "Conflict",
    "Damaged",
    "Fanfare",
    "FanfareError",
    "NotFound",
    "OutputFile",
    "Outputs",
    "Refused",
    "Retries",
    "Run",
    "TimedOut",
    "Unreachable",
]
