"""The app in memory, as the tests of handlers make it."""

from tests.unit.handlers.conftest import app_with

__all__ = ["app_with"]
