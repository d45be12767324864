"""Reads the recorded cases, and holds each against its replay or against a named difference."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.functions.golden.differences import difference_of

FOLDER = Path(__file__).parent
FILES = ("queues", "ncrontab", "timers", "eventgrid", "http")

CONVENTIONS = "about"  # says what the fields of the queues' cases mean; no case itself

type Case = dict[str, Any]

replayed: set[str] = set()
"""The cases that some test of a loaded module takes."""


def load(name: str) -> list[Case]:
    with gzip.open(FOLDER / f"{name}.json.gz") as file:
        return json.load(file)


def each(name: str, *areas: str, beginning: str = "") -> pytest.MarkDecorator:
    """Run a test once for each case of a file, or for those of some areas and names."""
    cases = in_areas(*areas) if areas else load(name)
    found = [case for case in cases if case["id"].startswith(beginning)]
    replayed.update(case["id"] for case in found)
    return pytest.mark.parametrize("case", found, ids=lambda case: case["id"])


def in_areas(*areas: str) -> list[Case]:
    """Return the recorded cases of the queues that belong to some areas."""
    return [case for case in load("queues") if case["area"] in areas]


def hold(case: Case, replay: Callable[[Case], None]) -> None:
    """Replay a case: it agrees, or it is named. A name that is no longer true fails too.

    A replay raises AssertionError where the host differs, and NotImplementedError where a host for
    Python has nothing to replay.
    """
    difference = difference_of(case["id"])
    if difference is None:
        replay(case)
        return
    with pytest.raises(AssertionError if difference.replayed else NotImplementedError):
        replay(case)
