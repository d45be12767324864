"""The plan of a generation as data: pages of tasks, exactly as the nodes read them."""

from enum import StrEnum

from pydantic import Field

from pipeline.domain.plans.split import Scalar, Span
from pipeline.domain.runs.stored import Stored

PAGE_SIZE = 100  # tasks that Batch accepts in one call
PAGE_ITEMS = 10_000  # an instance has 18 pages in hand, and each item takes 1.5 KB there


def page_tasks(bundle: int) -> int:
    """Return how many tasks a page has, with so many items each."""
    return max(1, min(PAGE_SIZE, PAGE_ITEMS // bundle))


class PlannedProgram(Stored):
    """The program that a task runs for each item: a file of task_scripts/, or a command.

    With an image the task runs in a container; `python` runs the runner there, if it has one.
    `path` is the image's own PATH, or "". `gpu` is how many GPUs a task gets; a page of an older
    release says None. `secrets` are the variables of those that a task gets in a file of its own.
    """

    file: str | None = None
    command: tuple[str, ...] | None = None
    arguments: tuple[str, ...] = ()
    environment: str | None = None
    image: str | None = None
    python: str | None = None
    shared_memory: str | None = None
    path: str = ""
    gpu: int | None = None
    secrets: tuple[str, ...] = ()

    @property
    def has_runner(self) -> bool:
        """Whether the runner starts the items; without it each item is the command of a task."""
        return self.image is None or self.python is not None


class PlannedLimits(Stored):
    """How much an item may write: files, bytes, and seconds to collect them."""

    files: int
    bytes: int
    seconds: float


class Delivery(StrEnum):
    """How the run's input comes to the items: whole to each task or node, in parts, or as a URL.

    Batch brings it, the preparation of the node does, the runner fetches the parts that the items
    need, or it does not come, and the program reads it by its URL.
    """

    TASK = "task"
    NODE = "node"
    RANGE = "range"
    URL = "url"


class PlannedInput(Stored):
    """A blob that a task finds at `file` in its working directory; `name` is the blob's own.

    `delivery` is a `Delivery`, or a word of a later release. With `offset` the file is the part of
    the blob that begins there and has `size` bytes.
    """

    file: str
    name: str
    url: str
    size: int = 0
    delivery: str = Delivery.TASK
    offset: int | None = None


class PlannedCut(Stored):
    """How nodes cut the run's input for items: the placeholder of the file, and the encoding.

    The spans of items lie in the input itself if that is UTF-8 or no text, and else in its UTF-8
    form without a byte order mark.
    """

    placeholder: str
    encoding: str = "utf-8"


class PlannedItem(Stored):
    """One item: its parameters, the files of the task that are its inputs, and its spans."""

    id: int
    inputs: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    parameters: dict[str, Scalar] = Field(default_factory=dict)


class PlannedTask(Stored):
    """One task: a bundle of items and the files that only they need."""

    number: int
    inputs: tuple[PlannedInput, ...] = ()
    items: tuple[PlannedItem, ...]

    @property
    def item_ids(self) -> tuple[int, ...]:
        """The ids of its items, in order."""
        return tuple(item.id for item in self.items)


class Page(Stored):
    """A page of the plan: what its tasks share, and the tasks.

    Outputs of up to `pack` bytes share blobs; 0 gives each its own.
    """

    version: int = 1
    run: str
    generation: int
    page: int
    program: PlannedProgram
    item_timeout_s: float
    require_output: bool = False
    output_limits: PlannedLimits | None = None
    tries: dict[str, int] = Field(default_factory=dict)
    pack: int = 0
    inputs: tuple[PlannedInput, ...] = ()
    cut: PlannedCut | None = None
    tasks: tuple[PlannedTask, ...]

    def in_order(self, first: int, bundle: int) -> bool:
        """Return whether the items are numbered from `first` on, and the tasks have so many each.

        Only the last one may have fewer.
        """
        ids = [item.id for task in self.tasks for item in task.items]
        full = all(len(task.items) == bundle for task in self.tasks[:-1])
        begins = bool(self.tasks) and self.tasks[0].number * bundle == first
        return begins and full and ids == list(range(first, first + len(ids)))

    def encode(self) -> bytes:
        """Render the page as the node reads it."""
        return self.model_dump_json(exclude_none=False).encode()


class _NumberedItem(Stored):
    id: int


class _NumberedTask(Stored):
    number: int
    items: tuple[_NumberedItem, ...]


class _NumberedPage(Stored):
    tasks: tuple[_NumberedTask, ...]


def items_by_task(page: bytes) -> dict[int, tuple[int, ...]]:
    """Read of a page only the ids of its tasks' items, by task; parameters are not parsed."""
    tasks = _NumberedPage.model_validate_json(page).tasks
    return {task.number: tuple(item.id for item in task.items) for task in tasks}
