"""A task with more files than a request to Batch carries: its runner fetches them from a list."""

from pipeline.handlers.starting.start import start_for_request
from tests.e2e.local import Stack


def test_an_assembler_gets_more_parts_than_a_request_carries(stack: Stack):
    pipeline = stack.engine.catalogue.pipelines["many"]
    run_id = start_for_request(stack.engine, pipeline, "many", None, {}).run.id
    run, _ = stack.succeeded(run_id)
    numbers = "".join(f"{number:04}\n" for number in range(1, 1201))
    assert stack.output(run) == {"joined.txt": numbers.encode()}
    lists = list(stack.engine.ports.blobs.list("engine", f"{run.id}/g1/files/assemble-x0-"))
    assert len(lists) == 1


def test_an_assembler_gets_the_parts_of_packs_as_files(stack: Stack):
    pipeline = stack.engine.catalogue.pipelines["packed"]
    run_id = start_for_request(stack.engine, pipeline, "packed", None, {}).run.id
    run, _ = stack.succeeded(run_id)
    words = "".join(f"{item}-{number}\n" for item in range(3) for number in (1, 2, 3))
    assert stack.output(run) == {"joined.txt": words.encode()}
    packs = [
        facts.ref.name for facts in stack.engine.ports.blobs.list("work", f"{run.names.outputs()}")
    ]
    assert len(packs) == 2
