"""Settings for property tests: few examples in `make test`, many in `make test-all`."""

from hypothesis import settings

from tests.depth import more

quick = settings(max_examples=more(30, 2000))
