"""Settings for property tests: few examples, always the same ones."""

from hypothesis import settings

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
