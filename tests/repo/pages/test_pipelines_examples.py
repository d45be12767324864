"""The definitions of `docs/pipelines.md` load, and their runs give what the page shows."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import jsonschema_rs
import pytest

from pipeline.domain.catalogue.schema import completion_schema, manifest_schema
from pipeline.domain.runs.run import Run
from tests.fakes.app import FakeApp
from tests.repo.pages import pipelines_page as page
from tests.repo.pages.pipelines_page import ROOT, Example
from tests.repo.pages.pipelines_runs import (
    app_of,
    is_for,
    items_of,
    output_of,
    run_of,
    start,
    with_keys,
    write,
)

EXAMPLES = page.examples()
WHOLE = {e.name: e.text for e in EXAMPLES if e.path.startswith("pipelines/") and not e.added}
POOLS = {e.name: e.text for e in EXAMPLES if e.path.startswith("pools/")}
PROGRAMS = page.files("task_scripts")
SHOWN = [example for example in EXAMPLES if example.expected]
FRAMES = 100


def definition(example: Example) -> str:
    """Return the text of an example, added to the definition that it changes."""
    if not example.added:
        return example.text
    there = WHOLE.get(example.name) or (ROOT / example.path).read_text("utf-8")
    return with_keys(there, example.text)


def video() -> bytes:
    """Make an MP4 of 100 frames, 25 a second, with a key frame every 20."""
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as out:
        encoded = out.add_stream("libx264", rate=25, width=32, height=32, pix_fmt="yuv420p")
        encoded.codec_context.gop_size = 20
        encoded.options = {"preset": "ultrafast", "sc_threshold": "0"}
        for number in range(FRAMES):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts = number
            frame.time_base = Fraction(1, 25)
            out.mux(encoded.encode(frame))
        out.mux(encoded.encode())
    return content.getvalue()


def inputs() -> dict[str, bytes]:
    shown = {name: content.encode() for name, content in page.files("input").items()}
    return {**shown, "clip.mp4": video()}


def test_all_definitions_of_the_page_load_together(tmp_path: Path):
    there = {path.stem: path.read_text("utf-8") for path in (ROOT / "pipelines").glob("*.yaml")}
    catalogue = write(tmp_path, {**there, **WHOLE}, PROGRAMS, POOLS)
    assert set(WHOLE) <= set(catalogue.pipelines)
    assert set(POOLS) < set(catalogue.pools)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.added], ids=lambda e: e.id)
def test_keys_that_are_added_to_a_definition_load(tmp_path: Path, example: Example):
    write(tmp_path, {**WHOLE, example.name: definition(example)}, PROGRAMS)


def test_every_block_of_yaml_is_a_definition():
    named = [block for block in page.blocks() if block.language == "yaml"]
    assert len(named) == len(EXAMPLES)


def test_every_input_of_the_page_is_for_a_pipeline(tmp_path: Path):
    pipelines = write(tmp_path, WHOLE, PROGRAMS, POOLS).pipelines.values()
    unused = [b for b in page.files("input") if not any(is_for(p, b) for p in pipelines)]
    assert not unused


@pytest.mark.parametrize("example", SHOWN, ids=lambda e: e.id)
def test_a_run_comes_to_what_the_page_shows(tmp_path: Path, example: Example):
    pipelines = {example.name: definition(example)}
    if "trigger: {run:" in example.text:
        pipelines |= {name: text for name, text in WHOLE.items() if f"{name}, file" in example.text}
    app = app_of(tmp_path, pipelines, PROGRAMS)
    start(app, example.name, inputs())
    app.settle()
    run = run_of(app, example.name)
    assert run.state == "succeeded", run.error
    for words, shown in example.expected.items():
        kind, _, name = words.partition(" ")
        CHECKS[kind](app, run, name, shown)


def check_items(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    assert [json.loads(line) for line in shown.splitlines()] == items_of(app, run)


def check_output(app: FakeApp, run: Run, name: str, shown: str) -> None:
    assert output_of(app, run, name).decode() == shown


def check_names(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    names = [file["name"] for file in manifest_of(app, run)["files"]]
    assert names == shown.splitlines()


def check_members(app: FakeApp, run: Run, name: str, shown: str) -> None:
    with zipfile.ZipFile(io.BytesIO(output_of(app, run, name))) as archive:
        assert archive.namelist() == shown.splitlines()


def check_items_json(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    (blob,) = app.world.blobs.list("work", run.names.outputs("split"))
    assert json.loads(app.world.blobs.read(blob.ref)) == json.loads(shown)


def check_parts_json(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    assert json.loads(app.world.blobs.read(run.names.parts)) == json.loads(shown)


def check_manifest(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    jsonschema_rs.validate(manifest_schema(), json.loads(shown))
    assert shape(json.loads(shown)) == shape(manifest_of(app, run))


def check_event(app: FakeApp, run: Run, _name: str, shown: str) -> None:
    jsonschema_rs.validate(completion_schema(), json.loads(shown))
    (event,) = app.world.events.published
    assert event["data"]["run"] == run.id
    assert shape(json.loads(shown)) == shape(event)


CHECKS: Mapping[str, Callable[[FakeApp, Run, str, str], None]] = {
    "items": check_items,
    "output": check_output,
    "names": check_names,
    "members": check_members,
    "items.json": check_items_json,
    "parts.json": check_parts_json,
    "manifest": check_manifest,
    "event": check_event,
}


def manifest_of(app: FakeApp, run: Run) -> dict:
    return json.loads(app.world.blobs.read(run.names.manifest))


def shape(value: object) -> object:
    """Return the keys of a value and the types of its content, since times and digests differ."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return "number" if isinstance(value, int | float) else type(value).__name__
