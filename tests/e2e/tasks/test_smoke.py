"""`fanfare smoke` against a local stack: every part of it works once, and nothing is left."""

import json
import subprocess
import sys

from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.stack.grid import EventGrid
from pipeline.domain.runs import naming
from pipeline.ledger import runs
from tests.e2e.local import ROOT, Stack
from tests.e2e.test_cli import MAIN


def smoked(stack: Stack, *more: str) -> tuple[int, dict, dict[str, dict]]:
    arguments = ["smoke", "--json", "--target", str(stack.local.data), *more]
    command = [sys.executable, "-c", MAIN, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout or done.stderr)
    return done.returncode, answer, {step["step"]: step for step in answer.get("steps", [])}


def test_a_smoke_proves_run_event_cancellation_and_redrive_and_leaves_rows_alone(stack: Stack):
    code, answer, steps = smoked(stack)
    assert code == 0, json.dumps(answer, indent=1)
    outcomes = {name: step["outcome"] for name, step in steps.items()}
    # A machine with a container engine may still lack the image, and nodes here pull none.
    assert outcomes.pop("container on containers") in {"ok", "skipped"}
    assert outcomes.pop("container on gpu") == "skipped"
    assert outcomes == dict.fromkeys(
        ("run on cpu", "completion event", "cancel", "redrive", "cost", "removal"), "ok"
    )
    assert answer["node_seconds"] > 0
    assert list(EventGrid.of(stack.local).subscriptions(TOPIC)) == [COMPLETIONS]
    tables, blobs = stack.engine.ports.tables, stack.engine.ports.blobs
    made = [steps[name]["evidence"].split()[0] for name in ("run on cpu", "cancel", "redrive")]
    for run in made:
        assert (held := runs.load(tables, run)) and held.run.purged_at
        for container in naming.CONTAINERS:
            assert not list(blobs.list(container, run))
