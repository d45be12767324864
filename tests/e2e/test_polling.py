"""A stack whose host looks into its queues only when its poll is due, as in Azure."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.runs.naming import Generation
from tests.e2e.local import Stack
from tests.patience import until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("polling")
    stack = Stack(folder, "benign", polls_as_azure=True)
    stack.start()
    yield stack
    stack.stop()


def check(stack: Stack, run_id: str, lines: bytes) -> None:
    run, event = stack.succeeded(run_id, 200)
    assert stack.output(run) == {"done.txt": lines}
    items = event["data"]["items"]
    assert (items["succeeded"], items["failed"]) == (3, 0)
    receipts = list(stack.engine.ports.blobs.list("receipts", run.names.receipts()))
    assert len(receipts) == run.plan.tasks, "a task was executed twice"


def test_a_run_ends_although_nothing_wakes_its_polls(stack: Stack):
    lines = b"ok a\nok b\nok c\n"
    check(stack, stack.upload("acts/plain.txt", lines, "acts"), lines)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_host_that_stops_while_its_function_hangs_loses_and_doubles_nothing(stack: Stack, sent):
    lines = b"ok %d\nok b\nok c\n" % sent
    with stack.frozen("batch"):
        run_id = stack.upload(f"acts/stop-{sent}.txt", lines, "acts")
        names = Generation(run_id, 1)
        planned = lambda: list(stack.engine.ports.blobs.list("engine", names.plan("")))  # noqa: E731
        until(planned, 60, f"the plan of {run_id}")  # then its function asks Batch, and hangs
        before = stack.pid("functions")
        os.kill(before, sent)
        until(lambda: stack.pid("functions") != before, 60, "another host")
    check(stack, run_id, lines)
