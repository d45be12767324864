"""On the real stack: a preparation that fails for ever, and one whose trouble passes."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.ledger import runs
from tests.e2e.local import Stack
from tests.patience import until

PIPELINE = """
trigger: {{blob: {{container: input, prefix: {name}/}}}}
split: {{lines: {{}}}}
bundle: {{items: 1}}
task: {{program: act.py, arguments: ["{{line}}", "{{output}}"], environment: {name}}}
pool: cpu
retries: {{preparation-failed: {retries}}}
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
"""


def torn(definitions: Path, name: str, retries: int) -> None:
    """Add a pipeline whose environment has an archive that no node can unpack."""
    environments = definitions / "task_scripts/environments"
    pin = f"{name}==1 --hash=sha256:{'0' * 64}\n"
    (environments / f"{name}.txt").write_text(pin, "utf-8")
    (environments / f"{name}.zip").write_text(f"{name} is not an archive", "utf-8")
    text = PIPELINE.format(name=name, retries=retries)
    (definitions / f"pipelines/{name}.yaml").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack that soon gives up a job for which no node can be prepared."""
    patience = {"FANFARE_PATIENCE_PREPARATION_S": "2"}
    made = Stack(tmp_path_factory.mktemp("preparation"), "benign", 7, patience)
    torn(made.definitions, "torn", 1)
    torn(made.definitions, "mended", 9)
    made.start()
    yield made
    made.stop()


def test_an_environment_that_no_node_can_make_ends_the_run(stack: Stack) -> None:
    run, event = stack.finished(stack.upload("torn/a.txt", b"one\ntwo\n", "torn"))
    assert (run.state, run.cause, run.executions) == ("failed", Cause.PREPARATION_FAILED, 1)
    assert "The environment was not prepared: environment.zip is damaged" in run.error
    assert event["data"]["cause"] == "preparation-failed"


def test_a_node_that_was_in_trouble_for_a_moment_is_used_again(stack: Stack) -> None:
    run_id = stack.upload("mended/a.txt", b"one\ntwo\n", "mended")

    def failing() -> bool:
        held = runs.load(stack.engine.ports.tables, run_id)
        noted = held.run.obstacle if held else None
        return noted is not None and noted.code is ObstacleCode.PREPARATION_FAILING

    until(failing, 120, "the preparation to fail", lambda: stack.tell(run_id))
    held = runs.need(stack.engine.ports.tables, run_id)
    archive = BlobRef(naming.SCRIPTS, held.run.scripts["mended.zip"])
    stack.engine.ports.writer.write(archive, _empty_archive())
    run, _ = stack.finished(run_id)
    assert run.state == "succeeded" and run.executions >= 1, stack.tell(run_id)
    assert stack.output(run) == {"all.txt": b"one\ntwo\n"}


def _empty_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w"):
        pass
    return content.getvalue()
