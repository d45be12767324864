"""Small definitions, and an app over them."""

import json
from collections.abc import Callable

import pytest

from pipeline.domain.runs.naming import BlobRef
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written

BODY = """
task: {program: work.py, arguments: ["{output}"]}
pool: cpu
"""
BLOB = "trigger: {blob: {container: input, prefix: lines/}, http: true}\n" + BODY
PLAIN = "assemble: {concatenate: {format: plain, name: all.txt}}\n"
LINES = BLOB + PLAIN + "split: {lines: {}}\n"
REQUEST = "trigger: {http: true}\n" + BODY + PLAIN
PROGRAMS = f"""{BLOB}
split: {{program: {{program: cut.py, parameters: [n]}}}}
assemble: {{program: {{program: join.py}}}}
"""


@pytest.fixture
def app_with() -> Callable[..., FakeApp]:
    """Return a function that makes an app of one pipeline called `job`, and of others by name."""

    def make(text: str = LINES, *, also: dict[str, str] | None = None, **more: object) -> FakeApp:
        return FakeApp.of(written((("job", text), *(also or {}).items())), **more)

    return make


def manifest_of(app: FakeApp, run) -> dict:
    """Read the manifest of a run's present generation."""
    name = f"{run.names.output_folder}/manifest.json"
    return json.loads(app.world.blobs.read(BlobRef("output", name)))


def content_of(app: FakeApp, run) -> bytes:
    """Read the one file of a run's output."""
    (file,) = manifest_of(app, run)["files"]
    return app.world.blobs.read(app.world.blobs.at(file["url"]))
