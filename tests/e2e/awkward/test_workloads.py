"""The other shipped pipelines, on their samples or smaller, each against a truth of its own."""

import json

import pytest

from pipeline.cli.samples import puzzle
from tests.e2e.local import Stack


@pytest.mark.timeout(300)
def test_the_nonce_of_the_first_block_is_found(stack: Stack):
    run, _ = stack.succeeded(stack.upload("keys/genesis.json", puzzle.genesis(), "key-search"))
    assert run.plan.items == 64
    told = json.loads(stack.output(run)["answer.json"])
    assert told["verdict"] == "found"
    assert told["found"]["nonce"] == 2_083_236_893
    assert told["found"]["hash"].startswith("000000000019d6")
