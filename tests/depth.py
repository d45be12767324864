"""How deep the tests dig: `make test` takes a little of everything, `make test-all` far more."""

import os

EVERYTHING = os.environ.get("FANFARE_TESTS") == "all"


def more[T](few: T, many: T) -> T:
    """Return the one for `make test` or the other for `make test-all`."""
    return many if EVERYTHING else few
