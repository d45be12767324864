"""Submission of many tasks: the adapter of the engine against `create_tasks` of the SDK.

Both send the same tasks to the same emulator, which has no nodes. The time to describe the tasks to
the SDK counts for both.
"""

import base64
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.core.credentials import AzureNamedKeyCredential

from pipeline.adapters.batch.jobs import AzureJobs
from pipeline.adapters.batch.specs import Specs
from pipeline.adapters.identity.signatures import Signatures
from pipeline.ports.batch import InputFile, TaskSpec, Upload
from tests.emulators.batch.running import Emulator

ROUNDS, PAGE = 4, 100
_ACCOUNT = "http://127.0.0.1:10000/devstoreaccount1"


def measure(count: int) -> list[float]:
    """Return the time of the SDK as a share of ours, by round; the two take turns."""
    shares = []
    with _emulator() as running:
        key = AzureNamedKeyCredential("devstoreaccount1", base64.b64encode(b"any").decode())
        specs = Specs(Signatures(_ACCOUNT, key))
        jobs = AzureJobs(running.client, specs)
        for number in range(ROUNDS):
            tasks = [_task(one) for one in range(count)]
            raw, ours = f"raw-{number}", f"ours-{number}"
            for job in (raw, ours):
                running.add_job(job, "p")
            pages = [tasks[start : start + PAGE] for start in range(0, count, PAGE)]
            ways: dict[str, Callable[[], object]] = {
                raw: lambda raw=raw, tasks=tasks: running.client.create_tasks(
                    raw, [specs.task(task) for task in tasks]
                ),
                ours: lambda ours=ours, pages=pages: [jobs.add(ours, p) for p in pages],
            }
            # Whoever comes second finds an emulator with more tasks.
            order = (raw, ours) if number % 2 else (ours, raw)
            took = {job: _seconds(ways[job]) for job in order}
            shares.append(took[raw] / took[ours])
            for job in (raw, ours):
                running.client.begin_delete_job(job)
    return shares


@contextmanager
def _emulator() -> Iterator[Emulator]:
    with tempfile.TemporaryDirectory() as folder:
        running = Emulator(Path(folder) / "data")
        running.add_pool("p", nodes=0)
        try:
            yield running
        finally:
            running.stop()


def _task(number: int) -> TaskSpec:
    """Describe a task as the engine plans one: a sheet, five uploads, a few variables."""
    name, where = f"t{number:06}", f"{_ACCOUNT}/engine/run-1/g1"
    uploads = [Upload(f"{letter}-*", "work", f"run-1/g1/{letter}/{name}") for letter in "olspr"]
    return TaskSpec(
        id=name,
        command="/bin/sh -c 'exec python3 runner.py'",
        inputs=[InputFile(f"{where}/sheets/{number // 10}.json", "page.json")],
        uploads=uploads,
        environment={"FANFARE_TASK": str(number)},
        limit=timedelta(hours=1),
        access_until=datetime(2030, 1, 1, tzinfo=UTC),
    )


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
