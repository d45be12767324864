"""`fanfare smoke` against a local stack: every part of it works once, and nothing is left."""

import json
import signal
import subprocess
import sys

from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.stack.grid import EventGrid
from pipeline.domain.runs import naming
from pipeline.ledger import index, runs
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


def test_answers_of_nodes_and_agent_are_data_and_what_only_azure_knows_is_said(stack: Stack):
    code, answer, _ = smoked(stack, "--pool", "cpu", "--prove")
    found = {each["question"]: each["answer"] for each in answer["answers"]}
    assert code == 0, json.dumps(answer, indent=1)
    assert found["sp=c, a program creates a blob of 1 MB"] == "201 Created"
    assert found["sp=c, a program writes over that blob"].startswith("403 ")
    assert found["sp=c, a program uploads in blocks"] == "2 blocks of 1 MiB: 201 Created"
    assert found["a snapshot by a signed URL"] == "200 OK"
    assert found["the same without a signature"].startswith("403 ")
    assert "workitems" in found["modes of the node's folders"]
    assert "processes: " in found["users of task and agent"]
    assert "bwrap" in found["separation of programs"]
    link = found["the agent uploads a symbolic link that matches a pattern"]
    assert "o-real.txt (5 B)" in link
    only = [question for question, said in found.items() if said == "only in Azure"]
    assert only == [
        "sp=c, the agent uploads a file of 1 GiB",
        "the agent reads a snapshot by identityReference",
    ]
    assert not [*stack.engine.ports.blobs.list(naming.WORK, "uploads/")]


def test_ctrl_c_cancels_what_goes_on_and_leaves_nothing(stack: Stack):
    arguments = ["smoke", "--pool", "cpu", "--target", str(stack.local.data)]
    command = [sys.executable, "-u", "-c", MAIN, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as smoke:
        assert smoke.stdout is not None
        said = [next(line for line in smoke.stdout if "completion event" in line)]
        smoke.send_signal(signal.SIGINT)
        said += list(smoke.stdout)
    assert smoke.returncode != 0
    assert said[-1].startswith("✓ removal"), said
    made = index.recent(stack.engine.ports.tables, "fanfare-smoke")
    assert all(runs.need(stack.engine.ports.tables, run).run.purged_at for run in made)
    assert list(EventGrid.of(stack.local).subscriptions(TOPIC)) == [COMPLETIONS]
