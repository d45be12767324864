"""Runs of a local stack as their user sees them: from the upload to the arrival of the event."""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pipeline.cli.stack import config as local
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.ledger import tasks
from tests.e2e.local import Stack

LIMIT_S, LOOK_S = 900.0, 0.04
_SUCCEEDED = "-g1-succeeded"
ALONE, TEN = "strict-acts", "ten"
PREFIXES = {ALONE: "strict/", TEN: "ten/"}
DEFINITION = """
trigger: {blob: {container: input, prefix: ten/}}
split: {lines: {}}
task: {program: act.py, arguments: ["{line}", "{output}"]}
bundle: {items: 10}
pool: cpu
assemble: {concatenate: {format: plain, name: done.txt}}
"""


class Late(AssertionError):
    """An event did not arrive in time."""


@dataclass(frozen=True)
class Seen:
    """One run: when its input was uploaded and its event received, in seconds since 1970."""

    id: str
    uploaded: float
    received: float

    @property
    def seconds(self) -> float:
        """How long its user waited."""
        return self.received - self.uploaded


def define(stack: Stack) -> None:
    """Write the pipeline of ten items a task; the stack has not started yet."""
    (stack.definitions / f"pipelines/{TEN}.yaml").write_text(DEFINITION, "utf-8")


def lines(items: int) -> bytes:
    """Return an input of so many items that do nothing but write a line."""
    return b"".join(b"ok %d\n" % number for number in range(items))


def once(stack: Stack, pipeline: str, content: bytes) -> Seen:
    """Upload one input, and wait for its event. Raises Late."""
    (seen,) = at_once(stack, pipeline, [content])
    return seen


def at_once(stack: Stack, pipeline: str, contents: Iterable[bytes]) -> list[Seen]:
    """Upload inputs as fast as eight clients can, and wait for all events. Raises Late."""

    def upload(content: bytes) -> tuple[str, float]:
        began = time.time()
        name = f"{PREFIXES[pipeline]}{secrets.token_hex(6)}.txt"
        return stack.upload(name, content, pipeline), began

    whole = list(contents)
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(upload, content) for content in whole]
        received: dict[str, float] = {}
        deadline = time.monotonic() + LIMIT_S
        while len(received) < len(whole):
            if time.monotonic() > deadline:
                raise Late(f"{len(whole) - len(received)} events did not arrive")
            if not _take(stack, received):
                time.sleep(LOOK_S)
        uploads = [future.result() for future in sent]
    return [Seen(run_id, began, received[run_id]) for run_id, began in uploads]


def _take(stack: Stack, received: dict[str, float]) -> bool:
    """Note when events of success arrived, by run; return whether there were any."""
    queues = stack.engine.ports.queues
    messages = queues.receive(local.COMPLETIONS, 32)
    for message in messages:
        event = json.loads(message.body)
        assert event["id"].endswith(_SUCCEEDED), event
        received.setdefault(event["id"].removesuffix(_SUCCEEDED), time.time())
        queues.delete(local.COMPLETIONS, message)
    return bool(messages)


def working(stack: Stack, seen: Seen) -> tuple[float, float]:
    """Return when the first attempt began and the last one ended, according to their receipts."""
    run: Run = stack.ended(seen.id)
    receipts = [
        _times(stack.engine.ports.blobs.read(BlobRef("receipts", result.receipt)))
        for result in tasks.results(stack.engine.ports.tables, run.id, run.generation)
    ]
    return min(began for began, _ in receipts), max(ended for _, ended in receipts)


def _times(content: bytes) -> tuple[float, float]:
    receipt: Mapping[str, str] = json.loads(content)
    began, ended = (datetime.fromisoformat(receipt[key]) for key in ("started_at", "ended_at"))
    return began.timestamp(), ended.timestamp()
