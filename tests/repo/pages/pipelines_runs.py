"""Runs pipelines over the fakes: planned, executed by the real runner, assembled, announced."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pipeline.bootstrap import deployed
from pipeline.domain.catalogue.catalogue import Catalogue, load_catalogue
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting.start import start_for_request
from pipeline.handlers.starting.tick import on_tick
from pipeline.settings import Patience
from tests.fakes.app import FakeApp
from tests.fakes.runner_node import RunnerNode
from tests.fakes.world import fake_ports
from tests.repo.pages.pipelines_page import ROOT

type Texts = Mapping[str, str]


def write(folder: Path, pipelines: Texts, programs: Texts, pools: Texts | None = None) -> Catalogue:
    """Write definitions and programs beside the repository's own, and load them as the app does."""
    shutil.copytree(ROOT / "pools", folder / "pools")
    leave_out = shutil.ignore_patterns("__pycache__", "*.zip")
    shutil.copytree(ROOT / "task_scripts", folder / "task_scripts", ignore=leave_out)
    (folder / "pipelines").mkdir()
    for name, text in pipelines.items():
        (folder / f"pipelines/{name}.yaml").write_text(text, "utf-8")
    for name, text in (pools or {}).items():
        (folder / f"pools/{name}.yaml").write_text(text, "utf-8")
    for name, text in programs.items():
        (folder / f"task_scripts/{name}").write_text(text, "utf-8")
    return load_catalogue(folder / "pipelines", folder / "pools", folder / "task_scripts")


def app_of(folder: Path, pipelines: Texts, programs: Texts) -> FakeApp:
    """Make an app of these pipelines, whose nodes execute the real runner."""
    catalogue = write(folder, pipelines, programs)
    world = fake_ports()
    files = deployed(folder / "task_scripts", catalogue.programs)
    app = FakeApp(Engine(world.ports, catalogue, Patience(), files), world)
    world.connect_events()
    for pool in catalogue.pools.values():
        world.batch.add_pool(app.engine.pool_id_of(pool), nodes=1)
    app.execute = RunnerNode(world, Path(tempfile.mkdtemp(dir=folder)))
    return app


def start(app: FakeApp, name: str, inputs: Mapping[str, bytes]) -> None:
    """Start a pipeline by the inputs that the page has for it, a request, or its schedule."""
    pipeline = app.engine.catalogue.pipelines[name]
    trigger, listed = pipeline.trigger, pipeline.split.manifest
    for blob in [blob for blob in inputs if listed and not is_for(pipeline, blob)]:
        app.upload(blob, inputs[blob])  # an entry of the list may name any
    for blob in [blob for blob in inputs if is_for(pipeline, blob)]:
        app.upload(blob, inputs[blob])
    if producer := producer_of(pipeline):
        start(app, producer, inputs)
    elif trigger.schedule:
        on_tick(app.engine)
        app.world.clock.advance(timedelta(days=1))
        on_tick(app.engine)
    elif trigger.blob is None:
        start_for_request(app.engine, pipeline, "once", None, {})


def producer_of(pipeline: Pipeline) -> str:
    """Name the pipeline whose runs start this one, if there is one."""
    return pipeline.trigger.run.pipeline if pipeline.trigger.run else ""


def is_for(pipeline: Pipeline, blob: str) -> bool:
    """Return whether a blob in `input` starts a pipeline, or is an item of it."""
    trigger, split = pipeline.trigger.blob, pipeline.split.blobs
    if split and split.container:
        return blob.startswith(split.prefix.partition("{")[0]) and split.matches(blob)
    return trigger is not None and trigger.matches("input", blob)


def run_of(app: FakeApp, name: str) -> Run:
    """Return the one run of a pipeline."""
    (run,) = [run for run in app.all_runs() if run.pipeline == name]
    return run


def output_of(app: FakeApp, run: Run, name: str) -> bytes:
    """Read a file of a run's committed output."""
    return app.world.blobs.read(run.names.output(name))


def items_of(app: FakeApp, run: Run) -> list[dict[str, object]]:
    """Return the items of a run's plan, as the values of their placeholders."""
    assert run.plan is not None, run.error
    pages = [naming.plan_page(run.plan.folder, number) for number in range(run.plan.pages)]
    return [
        {"item": item["id"], **_input(item), **item["parameters"]}
        for page in pages
        for task in json.loads(app.world.blobs.read(page))["tasks"]
        for item in task["items"]
    ]


def _input(item: Mapping[str, list[str]]) -> dict[str, str]:
    return {"input": item["inputs"][0]} if item["inputs"] else {}


def with_keys(text: str, added: str) -> str:
    """Replace or add keys of a definition."""
    names = set(re.findall(r"^(\w+):", added, re.MULTILINE))
    kept = [
        part for part in re.split(r"^(?=\S)", text, flags=re.M) if part.split(":")[0] not in names
    ]
    return "".join(kept) + added
