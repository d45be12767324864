"""Writes small files that hold secrets or that nobody may see half written."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


def write_private(path: Path, document: Mapping[str, object]) -> None:
    """Write JSON in one step, readable by its owner alone."""
    write_private_text(path, json.dumps(document, indent=2) + "\n")


def write_private_text(path: Path, text: str) -> None:
    """Write a text in one step, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
