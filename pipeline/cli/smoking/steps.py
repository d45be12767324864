"""The steps of `fanfare smoke`, in their order; one that fails does not stop the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pipeline.cli.fetching.committed import output_of
from pipeline.cli.session import Session
from pipeline.cli.smoking import definitions
from pipeline.cli.smoking.hearing import Deaf, Ear
from pipeline.cli.smoking.made import Made, told
from pipeline.cli.smoking.report import Found, Hindered, Outcome, Step
from pipeline.cli.views import wording
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.ending import steer
from pipeline.ledger import outbox

type Action = Callable[[], Found]

NO_POOL = Found(Outcome.SKIPPED, "no pool has carried out a run")


@dataclass
class Smoke:
    """A smoke on some pools: what it makes, and where it hears the events.

    `lacks` says why no node can run an image, or nothing. Pools with GPUs are left out unless pools
    were `named`.
    """

    made: Made
    pools: Sequence[Pool]
    ear: Ear | Deaf
    lacks: Callable[[str], Found | None] = lambda _: None
    named: bool = False
    worked: list[tuple[Pool, Run]] = field(default_factory=list)  # pools that carried out a run
    total: Mapping[str, object] = field(default_factory=dict)  # of the cost, once it is added up

    def steps(self) -> Iterator[Step]:
        """Carry out the steps, and yield each with its time and its evidence."""
        skipped = {pool.name: found for pool in self.pools if (found := self._skipped(pool))}
        begun = {pool.name: self._begin(pool) for pool in self.pools if pool.name not in skipped}
        for pool in self.pools:
            left_out = skipped.get(pool.name)
            action = (lambda found=left_out: found) if left_out else None
            yield self.timed(_name(pool), action or partial(self._reads, pool, *begun[pool.name]))
        yield self.timed("completion event", self._event)
        yield self.timed("cancel", self._cancel)
        yield self.timed("redrive", self._redrive)

    def costs(self) -> Step:
        """Add up what all that was made has cost."""
        return self.timed("cost", self._cost)

    def removal(self) -> Step:
        """Remove all that was made, also what heard the events."""

        def remove() -> Found:
            found = self.made.removed()
            if isinstance(self.ear, Ear):
                self.ear.close()
            return found

        return self.timed("removal", remove)

    def timed(self, name: str, action: Action) -> Step:
        """Carry out one step; an error is its failure."""
        session = self.made.session
        began = session.monotonic()
        try:
            found = action()
        except Hindered as error:
            found = Found(Outcome.FAILED, str(error), error.remedy)
        except FanfareError as error:
            remedy = session.addressed("fanfare doctor")
            found = Found(Outcome.FAILED, wording.one_line(str(error)), remedy)
        seconds = round(session.monotonic() - began, 1)
        return Step(name, found.outcome, seconds, found.evidence, found.remedy)

    def _begin(self, pool: Pool) -> tuple[str, str]:
        """Start the run of a pool, so that the nodes of all pools start at the same time."""
        text = f"smoke {self.made.session.engine.token()}"
        ref = self.made.upload("smoke.txt", f"{text}\n".encode())
        return self.made.start(definitions.reading(pool), ref), text

    def _skipped(self, pool: Pool) -> Found | None:
        """Return why a pool is left out, if it is."""
        if pool.devices and not self.named:
            include = self.made.session.addressed(f"fanfare smoke --pool {pool.name}")
            return Found(Outcome.SKIPPED, "its nodes have GPUs and cost more", include)
        return self.lacks(image) if (image := definitions.image_of(pool)) else None

    def _reads(self, pool: Pool, begun: str, text: str) -> Found:
        """Wait for a run that reads its input on a node, and compare its output."""
        where = self.made.ended(begun)
        run = where.run
        if run.state is not State.SUCCEEDED:
            raise Hindered(told(run), where.remedy)
        wrote = output(self.made.session, run, definitions.ANSWER).decode(errors="replace").strip()
        if wrote != text.upper():
            raise Hindered(f"{run.id} wrote {wording.one_line(wrote)!a}, not its input in capitals")
        self.worked.append((pool, run))
        image = definitions.image_of(pool)
        inside = f" in a container of {image}" if image else ""
        return Found(Outcome.OK, f"{run.id} read its input on a node{inside}, and wrote its output")

    def _event(self) -> Found:
        """Wait for the completion event of a run that succeeded."""
        if not self.worked:
            return NO_POOL
        run, engine = self.worked[0][1], self.made.session.engine
        event, ear = run.names.event(run.state), self.ear
        waiting = partial(outbox.find, engine.ports.tables, run.id, event)
        self.made.until(lambda: waiting() is None, f"for the app to publish {event}")
        if isinstance(ear, Deaf):
            unseen = f"the app published {event}; nobody saw it arrive: {ear.reason}"
            return Found(Outcome.UNSEEN, unseen, ear.remedy)
        try:
            self.made.until(lambda: ear.hears(event), f"for {event} in the queue {ear.queue}")
        except Hindered:
            if not ear.is_full:
                raise
            full = f"the queue {ear.queue} has more messages than a look can see"
            return Found(Outcome.UNSEEN, f"the app published {event}; {full}")
        return Found(Outcome.OK, f"{event} arrived in the queue {ear.queue}")

    def _cancel(self) -> Found:
        """Cancel a run whose task works, and wait until Batch has ended the task."""
        if not self.worked:
            return NO_POOL
        session, pool = self.made.session, self.worked[0][0]
        run = self.made.start(definitions.sleeping(pool))
        self.made.works(run)
        steer.cancel(session.steering, run)
        over = self.made.ended(run).run
        if over.state is not State.CANCELLED:
            raise Hindered(told(over))
        cluster = session.engine.ports.cluster
        self.made.until(lambda: not cluster.job(over.job).running, f"for Batch to end {over.job}")
        return Found(Outcome.OK, f"{run} worked, is cancelled, and Batch runs no task of it")

    def _redrive(self) -> Found:
        """Redrive a run that failed, and wait for its success."""
        if not self.worked:
            return NO_POOL
        run = self.made.start(definitions.failing_once(self.worked[0][0]))
        first = self.made.ended(run)
        if (first.run.state, first.run.failed) != (State.FAILED, 1):
            raise Hindered(f"its item was to fail: {told(first.run)}", first.remedy)
        steer.redrive(self.made.session.steering, run)
        second = self.made.ended(run, generation=2)
        if second.run.state is not State.SUCCEEDED:
            raise Hindered(f"after the redrive: {told(second.run)}", second.remedy)
        return Found(Outcome.OK, f"{run} failed as it was to, and succeeded in generation 2")

    def _cost(self) -> Found:
        """Add up what the ledger knows of all runs."""
        self.total, text = cost([*self.made.read()])
        price = "" if self.total["currency"] else "; the pools have no price"
        nodes = "the start and the idle time of nodes come on top"
        return Found(Outcome.OK, f"{text}{price}; {nodes}")


def output(session: Session, run: Run, name: str) -> bytes:
    """Read a file of a run's output, as its manifest names it. Raises Hindered."""
    files = output_of(session, run).files()
    found = next((f.name for f in files if f.name.rpartition("/")[2] == name), None)
    if found is None:
        raise Hindered(f"{run.id} has no {name} in its output")
    return session.engine.ports.blobs.read(run.names.output(found))


def cost(found: Sequence[Run]) -> tuple[Mapping[str, object], str]:
    """Sum the node-seconds and the cost of runs; also in words."""
    seconds, amount = sum(run.node_seconds for run in found), sum(run.cost for run in found)
    currency = next((run.currency for run in found if run.currency), "")
    total = {"node_seconds": round(seconds, 3), "cost": amount, "currency": currency or None}
    return total, f"{wording.count(len(found), 'run')}, {wording.cost(seconds, amount, currency)}"


def _name(pool: Pool) -> str:
    return f"container on {pool.name}" if pool.containers else f"run on {pool.name}"
