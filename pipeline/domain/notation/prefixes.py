"""What names have in common."""

from collections.abc import Collection


def shared_prefix(names: Collection[str]) -> str:
    """Return the longest text with which all names begin; that of no names is empty."""
    if not names:
        return ""
    first, last = min(names), max(names)
    length = next((n for n, letter in enumerate(first) if last[n : n + 1] != letter), len(first))
    return first[:length]
