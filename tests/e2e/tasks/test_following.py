"""The lines of a task on a real node come to a person while it runs."""

import subprocess
import sys

from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger import runs
from tests.e2e.local import ROOT, Stack
from tests.e2e.test_cli import MAIN


def test_a_line_is_there_while_its_program_goes_on(stack: Stack, tmp_path):
    gate, engine = tmp_path / "gate", stack.engine
    pipeline = engine.catalogue.pipelines["chatty"]
    run_id = start_for_request(engine, pipeline, "chatty", None, {"gate": str(gate)}).run.id
    target = str(stack.local.data)
    arguments = ["logs", run_id, "0", "--follow", "--timeout", "100", "--target", target]
    command = [sys.executable, "-c", MAIN, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as followed:
        assert followed.stdout is not None
        begun = [next(followed.stdout) for _ in range(2)]
        assert begun == ["== item 0, try 1: begins\n", "first\n"]
        assert not runs.need(engine.ports.tables, run_id).run.over
        gate.touch()
        rest = followed.stdout.read()
    assert rest.startswith("second\n") and "== item 0, try 1: succeeded" in rest
    assert followed.returncode == 0
