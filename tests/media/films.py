"""All films that the media programs must treat rightly, by name."""

from tests.media import seen_films as _seen  # noqa: F401 - adds its films
from tests.media import timed_films as _timed  # noqa: F401 - adds its films
from tests.media.making import FILMS, FIRST

__all__ = ["FILMS", "FIRST"]
