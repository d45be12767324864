"""A run: all that is known about it. Runs are immutable; a move returns a new value."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from pipeline.domain.runs import naming
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.asking.history import Act, Asked, latest, with_entry
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import TERMINAL, State, check_move
from pipeline.domain.runs.naming import BlobRef, Generation
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.results import DeviceUse, TaskSeconds
from pipeline.domain.runs.stored import Stored, Word


class OriginKind(Word):
    """What can cause a run."""

    BLOB = "blob"
    SCHEDULE = "schedule"
    REQUEST = "request"
    RUN = "run"
    OTHER = "other"


class Origin(Stored):
    """What caused a run. Its id derives from `key`; `request` is a digest of the HTTP request."""

    kind: OriginKind
    key: tuple[str, ...]
    at: datetime
    event_id: str = ""
    request: str = ""


class Input(Stored):
    """The blob version that a run works on.

    Once it is pinned, `created` and `md5` are set, and either `snapshot` or `copied`, the name of a
    copy in container `engine`.
    """

    container: str
    name: str
    etag: str
    size: int
    url: str
    content_type: str = ""
    sequencer: str = ""
    depth: int = 0
    snapshot: str | None = None
    created: datetime | None = None
    md5: str = ""
    copied: str = ""

    @property
    def pinned(self) -> bool:
        """Whether this version is kept for the run."""
        return bool(self.snapshot or self.copied)

    def has_content(self, size: int, created: datetime | None, md5: str) -> bool:
        """Return whether a version of the blob with another ETag has the content of this one.

        Without a word of its MD5 on either side, a version of the same size that was created at
        the same time counts as the same content.
        """
        alike = self.created is not None and (self.size, self.created) == (size, created)
        return alike and (self.md5 == md5 or not self.md5 or not md5)

    @property
    def ref(self) -> BlobRef:
        """The blob, or its snapshot or copy once it is pinned."""
        if self.copied:
            return BlobRef(naming.ENGINE, self.copied)
        return BlobRef(self.container, self.name, self.snapshot)


class PublishedPlan(Stored):
    """Which plan counts: its folder, digest and size, and the SHA-256 of each page.

    Of many pages the digests lie in lists beside them, and `lists` has the digests of these. A plan
    of an older release lies in `work`, and has no digests of pages. If the items are in order, so
    many to each task, `bundle` is that number; else it is 0. Each page but the last has
    `page_tasks`, which is 100 in a plan of an older release.
    """

    folder: str
    digest: str
    pages: int
    tasks: int
    items: int
    container: str = naming.WORK
    sha256: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    bundle: int = 0
    page_tasks: int = Field(default=100, ge=1)

    def page_of(self, task: int) -> int:
        """Return the number of the page that has a task."""
        return task // self.page_tasks

    def page(self, number: int) -> BlobRef:
        """Name one page."""
        return naming.plan_page(self.folder, number, self.container)


class EarlierPlan(Stored):
    """The plan of an earlier generation; a redrive builds on it."""

    generation: int
    plan: PublishedPlan


class RunImage(Stored):
    """What an image's name stood for when the generation began.

    `digest` is the registry's, or an id that only the local container engine knows; `reference` is
    what tasks name; `path` is the image's own PATH, or "". It is `present` if no node has to pull
    it.
    """

    reference: str
    digest: str
    path: str = ""
    present: bool = False


class Output(Stored):
    """Where a run's committed output is."""

    manifest: str
    manifest_etag: str
    files: int
    bytes: int


class Run(Stored):
    """One run of a pipeline, as the ledger holds it."""

    id: str
    pipeline: str
    generation: int = 1
    state: State = State.CLAIMED
    origin: Origin
    input: Input | None = None
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    definition: str
    scripts: dict[str, str] = Field(default_factory=dict)
    images: dict[str, RunImage] = Field(default_factory=dict)
    pool: str
    created_at: datetime
    changed_at: datetime
    deadline: datetime | None = None
    step: str = ""
    seal: str = ""
    plan: PublishedPlan | None = None
    chosen: str = ""
    earlier: tuple[EarlierPlan, ...] = ()
    job: str = ""
    executions: int = 0
    succeeded: int = 0
    failed: int = 0
    without_output: int = 0
    devices: tuple[DeviceUse, ...] = ()
    node_seconds: float = 0.0
    peak_memory: int = 0
    peak_disk: int = 0
    task_seconds: TaskSeconds | None = None
    cost: float = 0.0
    currency: str = ""
    cause: Cause | None = None
    error: str = ""
    why: str = ""
    obstacle: Obstacle | None = None
    output: Output | None = None
    ended_at: datetime | None = None
    purged_at: datetime | None = None
    traceparent: str = ""
    asked: tuple[Asked, ...] = ()

    @property
    def names(self) -> Generation:
        """The names of everything that belongs to the present generation."""
        return Generation(self.id, self.generation, self.seal)

    @property
    def over(self) -> bool:
        """Whether a verdict has been given."""
        return self.state in TERMINAL

    @property
    def by(self) -> Asker | None:
        """Who asked for the present generation; None if an earlier release did not note it."""
        return latest(self.asked, self.generation, Act.START, Act.REDRIVE)

    @property
    def cancelled_by(self) -> Asker | None:
        """Who cancelled the present generation."""
        return latest(self.asked, self.generation, Act.CANCEL)

    def asked_for(self, act: Act, by: Asker, at: datetime, generation: int) -> tuple[Asked, ...]:
        """Return the run's history with one more entry."""
        return with_entry(self.asked, Asked(act=act, by=by, at=at, generation=generation))

    def to(self, state: State, now: datetime, step: str, **changes: object) -> Self:
        """Return the run after a legal move, without its obstacle. Raises IllegalMove."""
        check_move(self.id, self.state, state)
        return self.model_copy(
            update={
                "why": "",
                "obstacle": None,
                **changes,
                "state": state,
                "changed_at": now,
                "step": step,
            }
        )

    def waits_for(self, obstacle: Obstacle | None, step: str) -> Self:
        """Return the run with a note of what it waits for, in the same state."""
        why = str(obstacle or "")
        return self.model_copy(update={"obstacle": obstacle, "why": why, "step": step})

    def idle_for(self, now: datetime) -> timedelta:
        """Return how long ago the run last moved."""
        return now - self.changed_at
