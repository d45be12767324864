"""Makes the plan of a run in slices, each by one invocation at a time, all in one folder.

The cursor says which pages are written and where the split goes on. A plan is made once its cursor
is finished: a planner that lost its lease cannot do that, so it publishes nothing.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.plans import digests
from pipeline.domain.plans.digests import Digests
from pipeline.domain.plans.plan import PAGE_SIZE, Page, page_tasks
from pipeline.domain.plans.split import PlanError
from pipeline.domain.runs import naming
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.domain.runs.stored import Stored
from pipeline.handlers.collecting.gathering import former_ends
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.planning import inputs, pages
from pipeline.handlers.planning.draft import Draft, Template
from pipeline.handlers.planning.work import Bookmark, Drawn
from pipeline.handlers.running.stages import OnNode
from pipeline.handlers.tenure import Elsewhere, Tenure, TimeIsUp, holding_step
from pipeline.ledger import runs
from pipeline.ledger.runs import Held
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep

_WRITERS = 8
_RENEWED = timedelta(seconds=15)
_JSON = "application/json"


@dataclass(frozen=True)
class GoesOn:
    """Another invocation goes on with the plan."""


class Sofar(Stored):
    """What a planner keeps between slices; `rest` is the digest of a page that it has begun."""

    folder: str
    pages: int = 0
    tasks: int = 0
    items: int = 0
    lists: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    bookmark: Bookmark = Bookmark()
    rest: str = ""
    in_order: bool = True
    page_tasks: int = PAGE_SIZE


def make(engine: Engine, held: Held) -> PublishedPlan | OnNode | GoesOn:
    """Make the plan of a run, or go on with it for a slice.

    Raises PlanError and other Permanent errors, LeaseLost if another invocation took over, and
    Conflict if the run has moved on.
    """
    run = held.run
    try:
        done = former_ends(engine, run) if run.earlier else None
        with holding_step(engine, step_of(run)) as tenure:
            if tenure.finished:
                return tenure.content(PublishedPlan)
            return _Planner(engine, held, tenure, done).work()
    except TimeIsUp:
        engine.wake(Step.PLAN, run)
    except Elsewhere as error:
        engine.wake_at(Step.PLAN, run, error.until)
    return GoesOn()


def step_of(run: Run) -> LongStep:
    """Name the step; a run that begins anew, with other programs perhaps, has another plan."""
    begun = hashlib.sha256(run.seal.encode()).hexdigest()[:8]
    return LongStep.of(run, f"plan-{begun}")


def is_at_work(engine: Engine, run: Run) -> bool:
    """Return whether an invocation has the plan of a run now."""
    cursor = slices.read(engine.ports.tables, step_of(run))
    return cursor is not None and not cursor.finished and cursor.until > engine.now


class _Planner:
    """One invocation's work on a plan."""

    def __init__(self, engine: Engine, held: Held, tenure: Tenure, done: ItemEnds | None) -> None:
        self._engine, self._held, self._tenure, self._done = engine, held, tenure, done
        self._stopped = False
        self._bundle = engine.definition(held.run).bundle.items
        folder = held.run.names.plan(engine.token())
        new = Sofar(folder=folder, page_tasks=page_tasks(self._bundle))
        self._sofar = tenure.noted(Sofar) or new
        self._digests = Digests(self._sofar.lists, self._sofar.sha256)

    def work(self) -> PublishedPlan | OnNode:
        """Draw items and write pages until the split ends. Raises TimeIsUp."""
        engine, run, bookmark = self._engine, self._held.run, self._sofar.bookmark
        work = pages.drawing(engine, run, bookmark, self._done)
        if isinstance(work, OnNode):
            return work
        draft = self._draft(Template.of(engine, run, work.cut))
        with (
            _writing(engine) as writer,
            closing(inputs.fetched(work.drawn, self._is_enough)) as found,
        ):
            for drawn in found:
                page = draft.add(drawn)
                if page:
                    # When the lease is over, another owner writes the same pages.
                    self._tenure.renew(after=2 * _RENEWED)
                    self._keep(writer, page)
                bookmark = drawn.after
                self._renew(writer, bookmark if page else None)
            if self._stopped:
                raise self._sent_on(writer, draft.rest(), bookmark)
            if page := draft.take():
                self._keep(writer, page)
        return self._finish()

    def _is_enough(self, drawn: Drawn) -> bool:
        """Return whether to draw nothing more: the time is up, and the split has moved on."""
        self._stopped = self._engine.time_is_up and drawn.after != self._sofar.bookmark
        return self._stopped

    def _draft(self, template: Template) -> Draft:
        sofar = self._sofar
        if not sofar.rest:
            return Draft(template, sofar.page_tasks, sofar.pages)
        content = self._engine.ports.blobs.read(_rest(sofar.folder, sofar.rest))
        if hashlib.sha256(content).hexdigest() != sofar.rest:
            raise PlanError("a page that the planner had begun was changed: start a new run")
        begun = Page.model_validate_json(content)
        return Draft.resumed(template, sofar.page_tasks, begun)

    def _keep(self, writer: "_Writer", page: Page) -> None:
        content = page.encode()
        writer.write(naming.plan_page(self._sofar.folder, page.page), content)
        self._digests = self._digests.add(hashlib.sha256(content).hexdigest())
        self._note(
            pages=page.page + 1,
            tasks=self._sofar.tasks + len(page.tasks),
            items=self._sofar.items + sum(len(task.items) for task in page.tasks),
            in_order=self._sofar.in_order and page.in_order(self._sofar.items, self._bundle),
        )
        if self._digests.full:
            self._keep_list(writer)

    def _keep_list(self, writer: "_Writer") -> None:
        name = digests.name(len(self._digests.lists))
        writer.write(naming.plan_part(self._sofar.folder, name), self._digests.content())
        self._digests = self._digests.kept()

    def _note(self, **changes: object) -> None:
        self._sofar = self._sofar.model_copy(update=changes)

    def _renew(self, writer: "_Writer", bookmark: Bookmark | None) -> None:
        """Keep the lease, and record a bookmark between pages; stop if the run has moved on."""
        if not self._tenure.is_due(_RENEWED):
            return
        body = self._tenure.body
        if bookmark is not None:
            body = self._recorded(writer, bookmark, None)
        self._tenure.note(self._sofar.items, body)
        self._held = runs.reread(self._engine.ports.tables, self._held)

    def _recorded(self, writer: "_Writer", bookmark: Bookmark, rest: Page | None) -> str:
        """Return what the cursor is to say; all that it names is written then."""
        content = rest.encode() if rest else b""
        digest = hashlib.sha256(content).hexdigest() if rest else ""
        if rest:
            writer.write(_rest(self._sofar.folder, digest), content)
        writer.flush()
        lists, sha256 = self._digests.lists, self._digests.pages
        self._note(bookmark=bookmark, rest=digest, lists=lists, sha256=sha256)
        return self._sofar.model_dump_json()

    def _sent_on(self, writer: "_Writer", rest: Page | None, bookmark: Bookmark) -> TimeIsUp:
        """Record how far the plan is. Raises Conflict if the run has moved on."""
        run, body = self._held.run, self._recorded(writer, bookmark, rest)
        runs.reread(self._engine.ports.tables, self._held)
        self._tenure.put_down(self._sofar.items, body)
        fields = {"items": self._sofar.items, "pages": self._sofar.pages}
        log.info("Plan goes on in another slice", extra={**context(run, "plan"), **fields})
        return TimeIsUp(f"{self._sofar.items:,} items are planned.")

    def _finish(self) -> PublishedPlan:
        sofar = self._sofar
        if self._digests.many and self._digests.pages:
            with _writing(self._engine) as writer:
                self._keep_list(writer)
        found = self._digests
        plan = PublishedPlan(
            folder=sofar.folder,
            digest=digests.plan_digest(found.lists or found.pages),
            pages=sofar.pages,
            tasks=sofar.tasks,
            items=sofar.items,
            container=naming.ENGINE,
            sha256=found.pages,
            lists=found.lists,
            bundle=self._bundle if sofar.in_order else 0,
            page_tasks=sofar.page_tasks,
        )
        self._tenure.finish(plan.model_dump_json())
        return plan


def _rest(folder: str, digest: str) -> BlobRef:
    return naming.plan_part(folder, f"rest-{digest[:32]}.json")


@dataclass
class _Writer:
    """Writes blobs in parallel; only a few are in memory at a time."""

    engine: Engine
    pool: ThreadPoolExecutor
    begun: deque[Future[str]] = field(default_factory=deque)

    def write(self, ref: BlobRef, content: bytes) -> None:
        """Begin to write a blob; raises what an earlier one ran into."""
        if len(self.begun) > _WRITERS:
            self.begun.popleft().result()
        write = self.engine.ports.writer.write
        self.begun.append(self.pool.submit(write, ref, content, content_type=_JSON))

    def flush(self) -> None:
        """Wait until all is written."""
        while self.begun:
            self.begun.popleft().result()


@contextmanager
def _writing(engine: Engine) -> Iterator[_Writer]:
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="page") as pool:
        writer = _Writer(engine, pool)
        yield writer
        writer.flush()
