"""Finds test files, and deals them out to shards that take about as long.

Every program that is given the same archive and the same number of shards deals alike.
"""

import heapq
import json
from collections.abc import Mapping
from pathlib import Path

# How pytest names test files by default.
_PATTERNS = ("test_*.py", "*_test.py")
_DURATIONS = ("durations.json", ".test_durations")
_MOST_BYTES = 16 << 20
_SECONDS_A_BYTE = 1e-5  # a guess where nothing is known: larger files take longer
_LEAST_S = 0.01
_SKIPPED = {"build", "dist", "node_modules", "venv", "site-packages"}  # as pytest does


def test_files(root: Path) -> list[str]:
    """Return the test files below a folder, in order, with slashes."""
    found = {path for pattern in _PATTERNS for path in root.rglob(pattern) if path.is_file()}
    inside = (path.relative_to(root) for path in found)
    return sorted(
        path.as_posix()
        for path in inside
        if not any(part in _SKIPPED or part.startswith(".") for part in path.parts[:-1])
    )


def durations(root: Path, files: list[str]) -> dict[str, float]:
    """Return how long each file takes, in seconds: as an earlier run told, or else by its size.

    `durations.json` of an earlier run, or `.test_durations` of pytest-split, lies in the root.
    """
    known: dict[str, float] = {}
    for path in (root / name for name in _DURATIONS):
        if path.is_file() and path.stat().st_size <= _MOST_BYTES:
            known = _read(path)
            break
    return {
        file: max(known.get(file, (root / file).stat().st_size * _SECONDS_A_BYTE), _LEAST_S)
        for file in files
    }


def _read(path: Path) -> dict[str, float]:
    """Add the seconds of a file's tests; what is not as expected counts for nothing."""
    try:
        given = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return {}
    sums: dict[str, float] = {}
    for test, seconds in given.items() if isinstance(given, dict) else ():
        if isinstance(seconds, (int, float)) and 0 <= seconds < float("inf"):
            file = str(test).partition("::")[0]
            sums[file] = sums.get(file, 0.0) + seconds
    return sums


def dealt(seconds: Mapping[str, float], count: int) -> list[list[str]]:
    """Deal files to at most `count` shards: the longest first, each to the shortest shard."""
    shards: list[list[str]] = [[] for _ in range(min(count, len(seconds)))]
    loads = [(0.0, number) for number in range(len(shards))]
    for file in sorted(seconds, key=lambda file: (-seconds[file], file)):
        load, number = heapq.heappop(loads)
        shards[number].append(file)
        heapq.heappush(loads, (load + seconds[file], number))
    return [sorted(shard) for shard in shards]
