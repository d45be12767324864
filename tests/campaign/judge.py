"""What must be true of all that the campaign has asked for, at any time and at its end."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress

from azure.storage.queue import QueueServiceClient

from pipeline.cli.stack.config import COMPLETIONS
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.events import parse_blob_created
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.results import ItemResult, TaskResult, TaskState
from pipeline.domain.runs.run import Run
from pipeline.errors import Transient
from pipeline.handlers.starting.start import blob_key
from pipeline.ledger import index, outbox, runs, tasks
from tests.campaign.definitions import PIPELINES
from tests.campaign.work import VERDICT_S, Work
from tests.e2e.local import Stack
from tests.patience import until

type Event = dict[str, object]

_LOST = "SELECT body FROM events JOIN deliveries ON event = events.seq WHERE state = 'lost'"


class Judge:
    """Compares the ledger, the output and the events with what was asked for."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._ports = stack, stack.engine.ports
        self._seen = 0
        self._open: list[Work] = []
        self.ended: dict[str, tuple[Work, Run]] = {}
        self.unstarted: set[str] = set()
        self.heard: dict[str, list[Event]] = defaultdict(list)
        self.poisoned = 0

    def look(self, works: Sequence[Work]) -> None:
        """Check what holds at any time; `works` grows while it is looked at."""
        self._hear()
        listed = surely(self._listed)
        until(lambda: listed <= _possible(works), 60, "the load to know its runs")
        for work in works[self._seen :]:
            self._open.append(work)
            self._seen += 1
        self._follow()
        self.poisoned += sum(surely(lambda q=queue: self._waiting(q.poison)) for queue in Queue)

    def close(self, works: Sequence[Work]) -> None:
        """Wait for the end of everything, then check that nothing is left and nothing changed."""
        self.look(works)
        until(self._follow, 10 * VERDICT_S, "the end of all runs", lambda: str(self._open))
        assert surely(self._listed) == set(self.ended)
        until(self._settled, 90, "an empty outbox and empty queues", self._left)
        until(self._all_announced, 60, "all events", lambda: str(self._unheard()))
        assert set(self.heard) == {run.names.event(run.state) for _, run in self.ended.values()}
        for work, run in self.ended.values():
            assert self._load(work) == run
            self._judge(work, run)

    def check_unstarted(self) -> None:
        """Check that only lost events have no run, after the end of the stack.

        Nobody can know of a version that was overwritten and whose event was lost.
        """
        path = self._stack.local.data / "eventgrid/eventgrid.db"
        with closing(sqlite3.connect(path)) as store:
            found = store.execute(_LOST).fetchall()
        events = filter(None, (parse_blob_created(json.loads(body)) for (body,) in found))
        assert self.unstarted <= {naming.run_id("busy", blob_key(event)) for event in events}

    def tell(self) -> str:
        """Describe what was seen so far."""
        verdicts = Counter(str(run.cause or run.state) for _, run in self.ended.values())
        repeated = sum(len(events) - 1 for events in self.heard.values())
        return (
            f"{len(self.ended)} runs ended {dict(verdicts)}, {len(self._open)} are open, "
            f"{len(self.unstarted)} have no run, {repeated} events came again, "
            f"{self.poisoned} looks at poison messages"
        )

    def _follow(self) -> bool:
        """Judge all runs that have ended; one that takes too long ends the test."""
        for work in list(self._open):
            run = self._load(work)
            if run is not None and run.over:
                self._judge(work, run)
                self.ended[work.run] = work, run
                self._open.remove(work)
                self._open += [work.next] if work.next and run.state is State.SUCCEEDED else []
            elif run is None and work.overwritten and work.limit.passed():
                self.unstarted.add(work.run)
                self._open.remove(work)
            else:
                late = work.limit.passed()
                assert not late, f"{work} has no verdict: {self._stack.tell(work.run)}"
        return not self._open

    def _load(self, work: Work) -> Run | None:
        held = surely(lambda: runs.load(self._ports.tables, work.run))
        return held.run if held else None

    def _judge(self, work: Work, run: Run) -> None:
        if work.overwritten and run.cause is Cause.SUPERSEDED:
            return
        assert (run.state, run.generation) == (State.SUCCEEDED, 1), self._stack.tell(work.run)
        results = surely(lambda: list(tasks.results(self._ports.tables, run.id, 1)))
        self._judge_results(work, run, results)
        surely(lambda: self._judge_output(work, run))

    def _judge_output(self, work: Work, run: Run) -> None:
        assert self._stack.output(run) == work.output
        manifest, folder = self._stack.manifest(run), run.names.output_folder
        assert [entry["item"] for entry in manifest["missing"]] == work.missing
        assert {entry["cause"] for entry in manifest["missing"]} <= {"program-failed"}
        committed = {f"{folder}/{file['name']}": file["etag"] for file in manifest["files"]}
        assert run.output is not None
        committed[f"{folder}/manifest.json"] = run.output.manifest_etag
        below = self._ports.blobs.list("output", folder.rpartition("/")[0] + "/")
        assert {facts.ref.name: facts.etag for facts in below} == committed

    def _judge_results(self, work: Work, run: Run, results: Sequence[TaskResult]) -> None:
        assert run.plan is not None
        assert len(results) == run.plan.tasks
        assert {result.state for result in results} == {TaskState.DONE}
        counted = sorted(item.id for result in results for item in result.items)
        assert counted == list(range(len(work.lines)))
        failed = len(work.missing)
        assert [n.id for n in _failed(results)] == work.missing, list(_failed(results))
        assert (run.succeeded, run.failed) == (len(work.lines) - failed, failed)

    def _hear(self) -> None:
        """Take the events that have arrived: each may come again, and never another one."""
        with suppress(Transient):
            for message in self._ports.queues.receive(COMPLETIONS, 320):
                event = json.loads(message.body)
                self.heard[event["id"]].append(event)
                self._ports.queues.delete(COMPLETIONS, message)
        verdicts = defaultdict(set)
        for event_id, events in self.heard.items():
            assert all(event == events[0] for event in events), json.dumps(events)
            verdicts[events[0]["data"]["run"]].add(event_id)
        assert {len(ids) for ids in verdicts.values()} <= {1}, verdicts

    def _listed(self) -> set[str]:
        return {run for name in PIPELINES for run in index.recent(self._ports.tables, name)}

    def _left(self) -> str:
        tables = self._ports.tables
        rows = {
            name: [
                *(entry.row.key for entry in outbox.unannounced(tables, name)),
                *(entry.row.key for entry in outbox.unreleased(tables, name)),
                *index.active_of(tables, name),
            ]
            for name in PIPELINES
        }
        queues = [name for queue in Queue for name in (queue, queue.poison)]
        waiting = {name: self._waiting(name) for name in queues}
        left = {name: what for name, what in (rows | waiting).items() if what}
        return str(left) if left else ""

    def _settled(self) -> bool:
        return not surely(self._left)

    def _waiting(self, queue: str) -> int:
        connection = self._stack.settings.storage_connection
        with QueueServiceClient.from_connection_string(connection) as client:
            properties = client.get_queue_client(queue).get_queue_properties()
            return properties.approximate_message_count or 0

    def _unheard(self) -> list[str]:
        wanted = (run.names.event(run.state) for _, run in self.ended.values())
        return [event for event in wanted if event not in self.heard]

    def _all_announced(self) -> bool:
        self._hear()
        return not self._unheard()


def surely[T](look: Callable[[], T]) -> T:
    """Look again while a service does not answer, as after a blow."""

    def tried() -> tuple[T] | None:
        with suppress(Transient):
            return (look(),)
        return None

    return until(tried, 60, "an answer")[0]


def _failed(results: Sequence[TaskResult]) -> Iterator[ItemResult]:
    return (item for result in results for item in result.items if not item.succeeded)


def _possible(works: Sequence[Work]) -> set[str]:
    """Name the runs that there may be: what was asked for, and what that may start."""
    following = (work.next for work in works)
    return {work.run for work in (*works, *following) if work}
