"""Computes a digest of the engine's files, to notice a stack that runs an older engine."""

import hashlib
from pathlib import Path

from pipeline.domain.catalogue.stamp import stamp

_ROOMS = ("adapters", "domain", "handlers", "ledger", "ports")
ENGINE = (
    "function_app.py", "host.json", "infra", "task_scripts/runtime",
    "pipeline/bootstrap.py", "pipeline/settings.py", "pipeline/errors.py", "pipeline/reloading.py",
    *(f"pipeline/{room}" for room in _ROOMS),
)  # fmt: skip


def engine_stamp(app_root: Path, more: str) -> str:
    """Return a digest that changes with any file that the app has of the engine, or with `more`."""
    return hashlib.sha256(f"{stamp(app_root, ENGINE)} {more}".encode()).hexdigest()
