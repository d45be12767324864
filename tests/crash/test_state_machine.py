"""A machine that does anything to the app in any order, and checks every step and the end."""

import json
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.domain.runs.lifecycle import LEGAL, State
from pipeline.domain.runs.results import TaskResult, TaskState
from pipeline.errors import Conflict
from pipeline.handlers.ending import steer
from pipeline.ledger.layout import TASKS
from pipeline.ledger.rows import from_values
from pipeline.ports.batch import TaskSpec
from tests.crash.definitions import definitions
from tests.crash.invariants import check, watch
from tests.crash.programs import work
from tests.depth import more
from tests.fakes.app import FakeApp
from tests.fakes.batch import NodeLost, Outcome
from tests.fakes.crash import Injector
from tests.fakes.node import Failure, FakeNode

PREFIXES = ("lines", "tolerant", "programs")
OUTCOMES = st.sampled_from(
    ["good"] * 4
    + ["item-fails", "node-lost", "twice", "outputs-lost", "receipt-lost", "lie", "batch-fails"]
)


class Machine(RuleBasedStateMachine):
    """The app, the world around it, and what was seen of them so far."""

    def __init__(self) -> None:
        super().__init__()
        self.app = FakeApp.of(definitions(), quota=3, program=work)
        self.written = watch(self.app)
        self.seen_rows: dict[tuple[str, str], TaskResult] = {}
        self.seen_states: dict[tuple[str, int], State] = {}
        self.uploads: Counter[str] = Counter()

    @initialize()
    def deployed(self) -> None:
        self.app.pass_time()

    # --- what users do

    @rule(prefix=st.sampled_from(PREFIXES), name=st.sampled_from("ab"), lines=st.integers(1, 3))
    def upload(self, prefix: str, name: str, lines: int) -> None:
        """Upload a blob, or overwrite one."""
        self.app.upload(f"{prefix}/{name}.txt", b"line\n" * lines)
        self.uploads[prefix] += 1

    @precondition(lambda self: self.app.all_runs())
    @rule(data=st.data(), cancels=st.booleans())
    def steer(self, data: st.DataObject, cancels: bool) -> None:
        """Cancel or redrive a run, whatever it is doing."""
        run = data.draw(st.sampled_from([run.id for run in self.app.all_runs()]))
        try:
            self.app.survive(
                lambda: (steer.cancel if cancels else steer.redrive)(self.app.engine, run)
            )
        except Conflict:
            return

    # --- what Event Grid and the queues do

    @rule(queue=st.sampled_from(["blob-events", "receipts"]), lost=st.booleans())
    def disturb(self, queue: str, lost: bool) -> None:
        """Shuffle the waiting events, duplicate them, and lose one."""
        messages = self.app.world.queues.receive(queue, 32)
        for message in messages:
            self.app.world.queues.delete(queue, message)
        if lost and queue == "receipts":
            messages = messages[1:]
        for message in [*reversed(messages), *messages]:
            self.app.world.queues.send(queue, message.body)

    # --- what Batch and its nodes do

    @rule(outcome=OUTCOMES, whole=st.booleans())
    def run_tasks(self, outcome: str, whole: bool) -> None:
        """Run one waiting task, or all of them, to some outcome."""
        batch = self.app.world.batch
        waiting = [(job, task) for job in list(batch.jobs) for task in batch.active(job)]
        for job, task in waiting if whole else waiting[:1]:
            batch.run_task(job, task, lambda spec: self._execute(spec, outcome))

    def _execute(self, spec: TaskSpec, outcome: str) -> Outcome:
        world = self.app.world
        node = FakeNode(world.blobs, world.clock, work)
        match outcome:
            case "item-fails":
                node.program = lambda item: Failure() if item.id == 0 else work(item)
            case "node-lost":
                node(spec)
                raise NodeLost
            case "twice":
                node(spec)
            case "outputs-lost":
                node.loses = lambda name: name.startswith("o-")
            case "receipt-lost":
                node.loses = lambda name: name.startswith("r-")
            case "batch-fails":
                return Outcome(None, "BlobDownloadTimedOut", "servererror", "slow")
            case "lie":
                return self._lie(node, spec)
        return node(spec)

    def _lie(self, node: FakeNode, spec: TaskSpec) -> Outcome:
        before = set(self.app.world.blobs.names("receipts"))
        outcome = node(spec)
        for name in set(self.app.world.blobs.names("receipts")) - before:
            self.app.world.blobs.put("receipts", name, b'{"version": 1}')
        return outcome

    # --- what the functions host does

    @rule(at=st.integers(0, 60), when=st.sampled_from(["before", "after", "twice"]))
    def pump(self, at: int, when: str) -> None:
        """Handle all messages; one call may crash or be made twice."""
        self.app.through(Injector(at, when).ports(self.app.world.ports))
        self.app.pump()
        self.app.through(self.app.world.ports)

    @rule(minutes=st.sampled_from([0, 1, 3, 15, 60]), at=st.integers(0, 60))
    def pass_time(self, minutes: int, at: int) -> None:
        """Let time pass and the timers fire; one of their calls may crash."""
        self.app.world.clock.advance(minutes=minutes)
        self.app.through(Injector(at, "after").ports(self.app.world.ports))
        self.app.pass_time()
        self.app.through(self.app.world.ports)

    # --- what holds always

    @invariant()
    def results_never_change(self) -> None:
        """Check that a counted result changes only if its outputs never arrived."""
        for row in self.app.world.tables.rows(TASKS):
            result = from_values(TaskResult, row, "tasks")
            before = self.seen_rows.get((row.partition, row.key))
            if before and before.state is TaskState.DONE and result != before:
                assert result.rejects(before.attempt)
            self.seen_rows[row.partition, row.key] = result

    @invariant()
    def states_change_legally(self) -> None:
        """Check that every run made only legal moves since the last step."""
        for run in self.app.all_runs():
            key = run.id, run.generation
            before = self.seen_states.get(key, State.CLAIMED)
            assert run.state in _reachable(before)
            self.seen_states[key] = run.state

    @invariant()
    def outputs_are_written_once(self) -> None:
        """Check that the content of a generation's folder never changes."""
        once = {name: n for name, n in self.written.items() if "/g" in name.partition("/")[2]}
        assert set(once.values()) <= {1}

    def teardown(self) -> None:
        """Let everything settle, and check all promises."""
        self.app.settle()
        check(self.app, self.written)
        for run in self.app.all_runs():
            if run.state is State.SUCCEEDED:
                folder = run.names.output_folder
                (name,) = [
                    n
                    for n in self.app.world.blobs.names("output", folder + "/")
                    if not n.endswith("manifest.json")
                ]
                assert name
        told = {json.dumps(event) for event in self.app.world.events.published}
        ids = [json.loads(event)["id"] for event in told]
        assert len(ids) == len(set(ids))


def _reachable(state: State) -> set[State]:
    """Return the states that a run of one generation can have reached since it was seen."""
    reached, edge = {state}, {state}
    while edge:
        edge = {s for e in edge for s in LEGAL[e] if e not in _OVER} - reached
        reached |= edge
    return reached


_OVER = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=more(40, 400),
    stateful_step_count=more(25, 50),
    suppress_health_check=list(HealthCheck),
)
