"""Writes a world in memory as JSON and reads it back: rows, blobs, messages, jobs."""

import base64
import itertools
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.waiting.reports import PoolReport
from pipeline.ports.batch import InputFile, JobSpec, TaskSpec, Upload
from pipeline.ports.tables import Row
from tests.fakes.batch import FakeJob, FakeTask, Outcome
from tests.fakes.blobs import Stored as StoredBlob
from tests.fakes.queues import Stored as StoredMessage
from tests.fakes.world import FakeWorld, fake_ports

type Json = dict[str, object]

_TOKENS = 1 << 40  # tokens after a restart differ from all earlier ones


def store(world: FakeWorld) -> Json:
    """Write a world as JSON."""
    return {
        "now": _plain(world.clock.now()),
        "rows": [
            {
                "table": table,
                "partition": row.partition,
                "key": row.key,
                "values": _plain(row.values),
            }
            for table in ("runs", "tasks", "progress", "pools")
            for row in world.tables.rows(table)
        ],
        "blobs": [
            {**_plain(asdict(ref)), **_plain(asdict(blob))}
            for ref, blob in world.blobs._blobs.items()
        ],
        "messages": {
            queue: [_plain(asdict(message)) for message in messages.values()]
            for queue, messages in world.queues._queues.items()
            if messages
        },
        "jobs": [_plain(asdict(job)) for job in world.batch.jobs.values()],
        "pools": {name: _plain(asdict(pool)) for name, pool in world.batch.pools.items()},
        "published": world.events.published,
    }


def restore(stored: Json) -> FakeWorld:
    """Make a world from its JSON; the engine over it may be another one."""
    world = fake_ports()
    world.clock.advance(datetime.fromisoformat(stored["now"]["time"]) - world.clock.now())
    world.clock._tokens = _TOKENS
    for row in stored["rows"]:
        partition = world.tables._rows(row["table"], row["partition"])
        world.tables._apply(partition, _insert(row))
    world.blobs._numbers = itertools.count(_TOKENS)
    for blob in stored["blobs"]:
        content = _value(blob.pop("content"))
        ref = BlobRef(*(blob.pop(name) for name in ("container", "name", "snapshot")))
        world.blobs.hold(ref, StoredBlob(content, **_values(blob)))
    world.queues._numbers = itertools.count(_TOKENS)
    for queue, messages in stored["messages"].items():
        for message in messages:
            held = StoredMessage(**_values(message))
            world.queues._queues[queue][held.id] = held
    for job in stored["jobs"]:
        found = _job(job)
        world.batch.jobs[found.spec.id] = found
    for name, pool in stored["pools"].items():
        known = {key: value for key, value in pool.items() if key in ("state", "nodes")}
        world.batch.pools[name] = PoolReport(allocation="steady", **known)
    world.events.published.extend(stored["published"])
    return world


_NODES_HAD_A_ROLE = {"access_until": datetime.max.replace(tzinfo=UTC)}


class _insert:
    """Apply an insertion as the fake does, without the limits of a transaction."""

    def __init__(self, row: Json) -> None:
        self.row = Row(row["partition"], row["key"], _values(row["values"]))


def _job(job: Json) -> FakeJob:
    spec, tasks = _values(job.pop("spec")), job.pop("tasks")
    spec["preparation_inputs"] = [InputFile(**file) for file in spec["preparation_inputs"]]
    known = {name: job[name] for name in ("created_at", "state", "closing", "ended_at")}
    made = FakeJob(JobSpec(**_NODES_HAD_A_ROLE | spec), **_values(known))
    made.tasks = {name: _task(task) for name, task in tasks.items()}
    return made


def _task(task: Json) -> FakeTask:
    spec, outcome = _values(task.pop("spec")), task.pop("outcome")
    spec["inputs"] = [InputFile(**file) for file in spec["inputs"]]
    spec["uploads"] = [Upload(**upload) for upload in spec["uploads"]]
    return FakeTask(
        TaskSpec(**_NODES_HAD_A_ROLE | spec),
        outcome=outcome and Outcome(**outcome),
        **_values(task),
    )


def _plain(value: object) -> object:
    """Write a value as JSON; a value without a JSON type becomes an object with one key."""
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case str():
            return str(value)  # an Enum's text, too
        case _:
            return _typed(value)


def _typed(value: object) -> object:
    match value:
        case datetime():
            return {"time": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
        case bytes() if value.isascii():
            return {"text": value.decode()}
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case _:
            return value


_READERS = {
    "time": datetime.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
    "text": str.encode,
    "base64": base64.b64decode,
}


def _value(value: object) -> object:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        return _READERS[kind](content) if kind in _READERS else value
    return value


def _values(content: Json) -> Json:
    return {name: _value(value) for name, value in content.items()}
