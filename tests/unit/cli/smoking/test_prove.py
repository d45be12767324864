"""`fanfare smoke --prove`: answers are data, and what a node writes is a claim."""

import io
import json
import zipfile
from dataclasses import replace

import pytest
from azure.batch.models import BatchTaskCreateOptions

from pipeline.adapters.proving import with_identity
from pipeline.cli.smoking import proof
from pipeline.cli.smoking.hearing import Deaf
from pipeline.cli.smoking.made import Made
from pipeline.cli.smoking.steps import Smoke
from tests.fakes.node import Failure
from tests.unit.cli.smoking.conftest import obedient

SAID = {"bwrap": "exit code 0"}


def node_that_says(content: bytes, asked: list | None = None):
    """Answer as a node would; `asked` gets the orders of the program."""

    def program(item):
        if not item.inputs or not item.inputs[0].endswith(".pyz"):
            return obedient(item)
        if asked is not None:
            with zipfile.ZipFile(io.BytesIO(item.content())) as archive:
                asked.append(json.loads(archive.read("orders.json")))
                assert b"def main(" in archive.read("__main__.py")
        return [("answers.json", content)]

    return program


def answers(made):
    """Smoke a local stack in memory, and return its answers by question."""
    made.app.engine = replace(made.app.engine, local=True)
    pools = [*made.app.engine.catalogue.pools.values()]
    smoke = Smoke(Made(made.session(), 60, lambda _: None), pools, Deaf("no topic"))
    outcomes = [step.outcome for step in smoke.steps()]
    found = {each.question: each.answer for each in proof.proven(smoke)}
    assert smoke.removal().outcome == "ok"
    assert made.app.world.blobs.names("work") == []
    return outcomes, found


def test_the_answers_of_the_node_are_reported_as_they_are(deployment):
    orders = []
    made = deployment(program=node_that_says(json.dumps(SAID).encode(), orders))
    _, found = answers(made)
    assert found["bwrap"] == "exit code 0"
    assert orders[0]["large"]["count"] == 2
    assert found["the agent reads a snapshot by identityReference"] == "only in Azure"
    assert found["the agent uploads a symbolic link that matches a pattern"] == (
        "task: exit code 0; uploaded: nothing"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"a\\u001b[31m": "b\\u001b[2J' + b"x" * 9000 + b'"}', None),
    ],
)
def test_what_a_node_writes_can_neither_break_nor_control_anything(deployment, content, said):
    made = deployment(program=node_that_says(content))
    _, found = answers(made)
    if said:
        assert said in found["a program asks its node"]
    text = json.dumps(found, ensure_ascii=False)
    assert "\x1b" not in text and len(text) < 4000


def test_a_question_without_an_answer_is_no_failure(deployment):
    def fails(item):
        return Failure() if item.inputs and item.inputs[0].endswith(".pyz") else obedient(item)

    made = deployment(program=fails)
    _, found = answers(made)
    assert found["a program asks its node"].startswith("no answer: ")


def test_without_a_pool_of_processes_that_works_nothing_is_asked(deployment):
    def garbles(item):
        return [("answer.txt", b"nonsense\n")]

    outcomes, found = answers(deployment(program=garbles))
    assert outcomes[0] == "failed"
    assert found == {"all": "not asked: no pool without containers has carried out a run"}


def test_only_the_file_of_the_question_comes_by_identity():
    task = BatchTaskCreateOptions(id="ask", command_line="/bin/true")
    (file,) = with_identity(
        task, "https://a.blob.core.windows.net/input/x", "/ids/nodes"
    ).resource_files
    assert file.identity_reference.resource_id == "/ids/nodes"
    assert file.http_url == "https://a.blob.core.windows.net/input/x"
