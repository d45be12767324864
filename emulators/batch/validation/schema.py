"""The models of the service as data, written by scripts/batch_schema.py and read once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

type Kind = str | list[Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One property: its type, and whether a body must hold it or must not set it."""

    kind: Kind
    required: bool
    read_only: bool


@cache
def _document() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(Path(__file__).with_name("schema.json").read_text())
    return found


@cache
def fields(model: str) -> Mapping[str, Field]:
    """Return the properties of a model, by their names on the wire."""
    return {
        name: Field(kind, bool(required), bool(read_only))
        for name, (kind, required, read_only) in _document()["models"][model].items()
    }


@cache
def names(model: str) -> frozenset[str]:
    """Return the names of a model's properties in lower case."""
    return frozenset(name.lower() for name in fields(model))


def enum(name: str) -> list[str] | None:
    """Return the values of an enum, or None for another name."""
    found: list[str] | None = _document()["enums"].get(name)
    return found


def is_model(name: str) -> bool:
    """Tell whether a type is a model."""
    return name in _document()["models"]
