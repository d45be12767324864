"""Settings for property tests: few examples, always the same; `make test-all` draws new ones."""

from hypothesis import settings

from tests.depth import EVERYTHING, more

quick = settings(
    max_examples=more(30, 2000),
    deadline=None,
    derandomize=not EVERYTHING,
    database=None,
)
