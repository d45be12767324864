"""Guesses the known word that a misspelt one stands for."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """Write `; did you mean 'x'?` for the closest known word, or nothing if none is close."""
    close = get_close_matches(word[:60], list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""
