"""An app whose runs are old, and what is kept of one."""

from collections.abc import Callable

import pytest

from tests.fakes.app import FakeApp


@pytest.fixture
def old(app_with) -> Callable[..., FakeApp]:
    """Return a function that makes an app with one run of `lines/a.txt` that ended long ago."""

    def make(days: float = 32, text: str | None = None, **more: object) -> FakeApp:
        app = app_with(**({"text": text} if text else {}), **more)
        app.pass_time()
        app.upload("lines/a.txt", b"one\ntwo\n")
        app.settle()
        app.world.clock.advance(days=days)
        return app

    return make


SEARCH = "slice:lost-events"  # one for each pipeline


def left_in_storage(app: FakeApp) -> dict[str, list[str]]:
    """Return what is kept besides inputs, outputs and scripts."""
    blobs = app.world.blobs
    return {
        "work": blobs.names("work"),
        "receipts": blobs.names("receipts"),
        "engine": blobs.names("engine", "job-"),
        "pins": blobs.snapshots("input"),
        "tasks": [row.key for row in app.world.tables.rows("tasks")],
        "progress": [row.key for row in app.world.tables.rows("progress") if row.key != SEARCH],
    }


NOTHING: dict[str, list[str]] = {
    name: [] for name in ("work", "receipts", "engine", "pins", "tasks", "progress")
}
