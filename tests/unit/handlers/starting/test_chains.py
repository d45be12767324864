"""Outputs that start further runs: their path identifies them, and a cycle is stopped."""

from pipeline.domain.runs.events import parse_blob_created
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.starting.start import start_for_blob
from pipeline.ledger import runs


def created(app, container: str, name: str):
    app.world.blobs.put(container, name, b"one\n")
    return parse_blob_created(app.world.blobs.created_event(BlobRef(container, name)))


def chained_run(app, depth: int):
    """Start a run by the output of a run whose input has this depth."""
    pipeline = app.engine.catalogue.pipelines["job"]
    parent = start_for_blob(app.engine, pipeline, created(app, "input", "first.txt")).run
    held = runs.need(app.engine.ports.tables, parent.id)
    source = held.run.input.model_copy(update={"depth": depth})
    runs.move(app.engine.ports.tables, held, held.run.model_copy(update={"input": source}))
    output = created(app, "output", f"job/{parent.id}/g1/all.txt")
    return start_for_blob(app.engine, pipeline, output).run


def test_an_output_is_one_deeper_than_the_input_of_its_run(app_with):
    assert chained_run(app_with(), 3).input.depth == 4


def test_a_chain_of_more_than_eight_runs_ends_with_a_reason(app_with):
    app = app_with()
    deep = chained_run(app, 8)
    app.settle()
    ended = runs.need(app.engine.ports.tables, deep.id).run
    assert (ended.state, ended.cause) == ("failed", "plan-failed")
    assert "cycle" in ended.error
