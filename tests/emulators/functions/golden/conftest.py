"""Lets assertions of helpers say what differs."""

import pytest

pytest.register_assert_rewrite(
    "tests.emulators.functions.golden.queues.requests", "tests.emulators.functions.golden.cases"
)
