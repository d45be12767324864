"""The app in memory, made as in the tests of handlers."""

from tests.unit.handlers.conftest import app_with

__all__ = ["app_with"]
