"""What starts a run: a created blob, a schedule, a request."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.domain.definitions.types import ContainerName, Name, OneOrMore, OutputPath, Strict
from pipeline.domain.notation.cron import parse_cron
from pipeline.domain.notation.durations import Duration
from pipeline.domain.notation.patterns import LONGEST, check_pattern, matched
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.runs.naming import RESERVED


class Api(StrEnum):
    """The storage operations after which a blob is complete."""

    PUT_BLOB = "PutBlob"
    PUT_BLOCK_LIST = "PutBlockList"
    COPY_BLOB = "CopyBlob"
    FLUSH_WITH_CLOSE = "FlushWithClose"
    SFTP_COMMIT = "SftpCommit"
    RENAME_FILE = "RenameFile"


# The others are for accounts with a hierarchical namespace, and have to be asked for.
USUAL = (Api.PUT_BLOB, Api.PUT_BLOCK_LIST, Api.COPY_BLOB, Api.FLUSH_WITH_CLOSE)


class Unchanged(StrEnum):
    """What the same bytes again start."""

    START = "start"
    SKIP = "skip"


class Catchup(StrEnum):
    """What happens to ticks that were missed while nothing ran."""

    LAST = "last"
    ALL = "all"
    NONE = "none"


class Overlap(StrEnum):
    """What happens to a tick while the previous run is still active."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


def _not_reserved(container: str) -> str:
    if container in RESERVED:
        raise ValueError(f"container {container} belongs to the engine and cannot trigger runs")
    return container


Pattern = Annotated[str, AfterValidator(check_pattern), Field(max_length=LONGEST)]


def _valid_cron(text: str) -> str:
    parse_cron(text)
    return text


def _valid_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        raise ValueError(f"{name[:60]!r} is not a time zone{hint}") from None
    return name


class BlobTrigger(Strict):
    """A blob created in a container starts a run."""

    container: Annotated[ContainerName, AfterValidator(_not_reserved)]
    prefix: str = Field(default="", max_length=1024)
    suffix: Annotated[tuple[str, ...], OneOrMore] = ()
    apis: Annotated[tuple[Api, ...], OneOrMore, Field(min_length=1)] = USUAL
    include: Annotated[tuple[Pattern, ...], OneOrMore] = ()
    exclude: Annotated[tuple[Pattern, ...], OneOrMore] = ()
    path: Pattern | None = None
    min_size: int = Field(default=1, ge=1)
    max_size: int | None = Field(default=None, ge=1)
    append_idle: Duration | None = None
    unchanged: Unchanged = Unchanged.START

    @model_validator(mode="after")
    def _sizes_in_order(self) -> Self:
        if self.max_size is not None and self.max_size < self.min_size:
            raise ValueError("max_size is below min_size: nothing would start a run")
        return self

    @property
    def all_usual(self) -> bool:
        """Whether every usual operation counts, so that a listing tells what should have a run."""
        return set(USUAL) <= set(self.apis)

    def matches(self, container: str, name: str) -> bool:
        """Return whether a blob's name starts a run; suffixes ignore case."""
        ends = not self.suffix or name.lower().endswith(tuple(s.lower() for s in self.suffix))
        begins = container == self.container and name.startswith(self.prefix)
        return begins and ends and self._matches_patterns(name)

    def _matches_patterns(self, name: str) -> bool:
        included = not self.include or any(matched(p, name) is not None for p in self.include)
        excluded = any(matched(p, name) is not None for p in self.exclude)
        on_path = self.path is None or matched(self.path, name) is not None
        return included and not excluded and on_path

    def takes(self, size: int) -> bool:
        """Return whether a blob of this size starts a run."""
        return self.min_size <= size and (self.max_size is None or size <= self.max_size)

    def parameters_in(self, container: str, name: str) -> Mapping[str, str]:
        """Return the parameters that a blob's path gives."""
        if self.path is None or container != self.container:
            return {}
        return matched(self.path, name) or {}


class ScheduleTrigger(Strict):
    """Ticks of an NCRONTAB expression in a time zone start runs."""

    cron: Annotated[str, AfterValidator(_valid_cron)]
    time_zone: Annotated[str, AfterValidator(_valid_zone)] = "UTC"
    catchup: Catchup = Catchup.LAST
    overlap: Overlap = Overlap.SKIP


class Verdict(StrEnum):
    """How a run that others follow has to end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunTrigger(Strict):
    """A run of another pipeline that ended starts a run.

    The input is a file of its output, or else the manifest; of a run that did not succeed it is
    the input of that run.
    """

    pipeline: Name
    on: Verdict = Verdict.SUCCEEDED
    file: OutputPath | None = None

    @model_validator(mode="after")
    def _file_of_an_output(self) -> Self:
        if self.file and not self.has_output:
            raise ValueError(f"file is of an output, and a run that ends {self.on} has none")
        return self

    @property
    def has_output(self) -> bool:
        """Whether the run that starts this one has an output."""
        return self.on is Verdict.SUCCEEDED


def _followed(value: object) -> object:
    return {"pipeline": value} if isinstance(value, str) else value


class Trigger(Strict):
    """The ways in which a pipeline starts; at least one."""

    blob: BlobTrigger | None = None
    run: Annotated[RunTrigger | None, BeforeValidator(_followed)] = None
    schedule: ScheduleTrigger | None = None
    http: bool = False

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not (self.blob or self.run or self.schedule or self.http):
            raise ValueError("nothing starts this pipeline: give blob, run, schedule or http: true")
        return self

    @property
    def may_have_input(self) -> bool:
        """Whether a run can have an input: its blob, of a run before it, or of the request."""
        return self.blob is not None or self.run is not None or self.http
