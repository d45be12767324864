"""Fills the pages of a plan: items in bundles, bundles in pages, with their files."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.domain.definitions import delivered
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.arguments import check_arguments
from pipeline.domain.plans.plan import (
    Delivery,
    Page,
    PlannedCut,
    PlannedInput,
    PlannedItem,
    PlannedLimits,
    PlannedProgram,
    PlannedTask,
)
from pipeline.domain.plans.split import Item
from pipeline.domain.runs.run import Run
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.planning.work import Drawn
from pipeline.handlers.running import images, scripts, stages

PACKED = 1 << 20  # bytes of the largest output that shares a blob with others
_REMEDY = "make the parameters shorter, or put what they say into a file"
_REMEDIES = {"lines": "take {lines_file}, which is a file, or use fewer lines_per_item"}


@dataclass(frozen=True)
class Template:
    """What all pages of a plan share."""

    run: Run
    definition: Pipeline
    inputs: tuple[PlannedInput, ...]
    cut: PlannedCut | None

    @classmethod
    def of(cls, engine: Engine, run: Run, cut: PlannedCut | None) -> "Template":
        """Choose how the input comes to nodes. Raises Permanent if its pool has no disk for it."""
        definition, size = engine.definition(run), run.input.size if run.input else 0
        delivery = delivered.chosen(definition, size, cut)
        if delivery in {Delivery.NODE, Delivery.RANGE} and not scripts.fetches(run):
            delivery = Delivery.TASK  # an older release began the run; its runner knows no other
        delivered.check_disk(definition, delivery, size, engine.catalogue.pools.get(run.pool))
        return cls(run, definition, inputs.shared(engine, run, delivery), cut)

    def page(self, number: int, tasks: Iterable[PlannedTask]) -> Page:
        """Make a page of tasks."""
        definition = self.definition
        outputs = definition.limits.outputs
        return Page(
            run=self.run.id,
            generation=self.run.generation,
            page=number,
            program=images.pinned(self.run, program_of(definition)),
            item_timeout_s=definition.limits.item.total_seconds(),
            require_output=definition.task.require_output,
            output_limits=PlannedLimits(
                files=outputs.files, bytes=outputs.bytes, seconds=outputs.time.total_seconds()
            ),
            tries=stages.tries(definition),
            pack=PACKED if definition.bundle.pack else 0,
            inputs=self.inputs,
            cut=self.cut,
            tasks=tuple(tasks),
        )

    def item(self, item: Item, own: tuple[PlannedInput, ...]) -> PlannedItem:
        """Make an item as nodes read it. Raises PlanError if its arguments are too long."""
        task = self.definition.task
        files = tuple(file.file for file in own or self.inputs if file.delivery != Delivery.URL)
        given = {**self.run.parameters, **item.parameters}
        remedy = _REMEDIES.get(self.definition.split.kind, _REMEDY)
        check_arguments(item.id, given, (*(task.command or ()), *task.arguments), remedy)
        return PlannedItem(id=item.id, inputs=files, spans=item.spans, parameters=given)


def program_of(definition: Pipeline) -> PlannedProgram:
    """Return the program that the runner starts for each item."""
    task = definition.task
    return PlannedProgram(
        file=task.program,
        command=task.command,
        arguments=task.arguments,
        environment=scripts.requirements(task.environment),
        image=task.image,
        python=task.interpreter,
        shared_memory=task.shared_memory,
        gpu=task.gpu,
        secrets=tuple(task.secrets),
    )


@dataclass
class Draft:
    """The page that is being filled with `most` tasks; the last task may have few items."""

    template: Template
    most: int
    number: int = 0
    tasks: list[PlannedTask] = field(default_factory=list)
    _items: list[PlannedItem] = field(default_factory=list)
    _own: list[PlannedInput] = field(default_factory=list)

    @classmethod
    def resumed(cls, template: Template, most: int, page: Page) -> "Draft":
        """Go on with a page that another invocation began."""
        draft = cls(template, most, page.page, list(page.tasks))
        if draft.tasks and len(draft.tasks[-1].items) < template.definition.bundle.items:
            last = draft.tasks.pop()
            draft._items, draft._own = list(last.items), list(last.inputs)
        return draft

    def add(self, drawn: Drawn) -> Page | None:
        """Add an item, if one was drawn; return the page once it is full."""
        if drawn.item is None:
            return None
        self._items.append(self.template.item(drawn.item, drawn.own))
        self._own += drawn.own
        if len(self._items) < self.template.definition.bundle.items:
            return None
        self._close()
        return self.take() if len(self.tasks) == self.most else None

    def rest(self) -> Page | None:
        """Return the page as it is, or None if it has no item."""
        self._close()
        return self.template.page(self.number, self.tasks) if self.tasks else None

    def take(self) -> Page | None:
        """Return the page as it is, and begin the next one; None if it has no item."""
        page = self.rest()
        if page is not None:
            self.number, self.tasks = self.number + 1, []
        return page

    def _close(self) -> None:
        """Make a task of the items that are in none."""
        if self._items:
            number = self.number * self.most + len(self.tasks)
            task = PlannedTask(number=number, inputs=tuple(self._own), items=tuple(self._items))
            self.tasks.append(task)
            self._items, self._own = [], []
