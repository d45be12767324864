"""The three stages of a pipeline: split, task and assemble.

A stage is a built-in of the engine or a program of the user.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.domain.definitions.parameters import ScalarList
from pipeline.domain.definitions.types import (
    Argument,
    ContainerName,
    Count,
    FileName,
    Name,
    OneOf,
    OneOrMore,
    OutputName,
    ParameterName,
    Strict,
)
from pipeline.domain.notation.durations import Duration
from pipeline.domain.notation.placeholders import fill
from pipeline.domain.plans.split import PlanError, Scalar

STAGE_LIMIT = timedelta(minutes=30)


def resolve_count(count: int | str, parameters: Mapping[str, Scalar]) -> int:
    """Return a count, or the parameter that stands for it. Raises PlanError if it is not whole."""
    value = parameters.get(count.strip("{}")) if isinstance(count, str) else count
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PlanError(f"{count} must be a whole number, but it is {value!r:.60}")


class StageProgram(Strict):
    """A program that carries out a stage on a node."""

    program: FileName
    arguments: tuple[Argument, ...] = ()
    environment: Name | None = None
    limit: Duration = STAGE_LIMIT


class SplitProgram(StageProgram):
    """A program that writes items.json; `parameters` names the parameters of every item."""

    parameters: tuple[ParameterName, ...] = ()


class BlobsSplit(Strict):
    """One item per blob; without a container, the run's input blob is the only item."""

    container: ContainerName | None = None
    prefix: Argument = ""
    suffix: Annotated[tuple[str, ...], OneOrMore] = ()

    @model_validator(mode="after")
    def _needs_container(self) -> Self:
        if self.container is None and (self.prefix or self.suffix):
            raise ValueError("prefix and suffix need a container")
        return self

    def resolved_prefix(self, parameters: Mapping[str, Scalar]) -> str:
        """Return the prefix with the run's parameters filled in."""
        return fill(self.prefix, parameters)

    def matches(self, name: str) -> bool:
        """Return whether a listed blob is an item; suffixes ignore case."""
        return not self.suffix or name.lower().endswith(tuple(s.lower() for s in self.suffix))


class RangeSplit(Strict):
    """Items of `step` numbers each, from start up to (not including) stop."""

    start: Count = 0
    stop: Count
    step: Count

    def resolved(self, parameters: Mapping[str, Scalar]) -> tuple[int, int, int]:
        """Return start, stop and step for a run's parameters."""
        start, stop, step = (
            resolve_count(count, parameters) for count in (self.start, self.stop, self.step)
        )
        return start, stop, step


class FramesSplit(Strict):
    """Items of `step` frames each of the input video, which a program of the engine finds."""

    step: Count
    limit: Duration = STAGE_LIMIT

    @property
    def on_node(self) -> SplitProgram:
        """The program that reads the video: no code that owns the account parses media."""
        return SplitProgram(
            program="media_split.py",
            arguments=("--input", "{input}", "--step", str(self.step), "--output", "{output}"),
            environment="media",
            limit=self.limit,
            parameters=("start", "end", "index", "start_time", "end_time", "seek_time"),
        )


class LinesSplit(Strict):
    """Items of `lines_per_item` lines each of the input text."""

    skip_header: bool = False
    lines_per_item: Count = 1

    def resolved(self, parameters: Mapping[str, Scalar]) -> int:
        """Return lines_per_item for a run's parameters."""
        return resolve_count(self.lines_per_item, parameters)


class Split(OneOf):
    """How a run's work becomes items; exactly one of these."""

    blobs: BlobsSplit | None = None
    range: RangeSplit | None = None
    frames: FramesSplit | None = None
    grid: dict[ParameterName, ScalarList] | None = Field(default=None, min_length=1)
    lines: LinesSplit | None = None
    program: SplitProgram | None = None

    @property
    def item_parameters(self) -> tuple[str, ...]:
        """The names of the parameters that the items of this split have."""
        if self.range:
            return ("start", "end", "index")
        if self.lines:
            return ("line",) if self.lines.lines_per_item == 1 else ("lines",)
        if self.on_node:
            return self.on_node.parameters
        return tuple(self.grid or ())

    @property
    def on_node(self) -> SplitProgram | None:
        """The program that splits on a node, the user's or the engine's; None without one."""
        return self.frames.on_node if self.frames else self.program

    @property
    def needs_input(self) -> bool:
        """Whether a run must have an input blob."""
        whole = self.blobs is not None and self.blobs.container is None
        return whole or self.frames is not None or self.lines is not None


class TaskProgram(Strict):
    """The program or command that runs once for each item."""

    program: FileName | None = None
    command: Annotated[tuple[Argument, ...] | None, Field(min_length=1)] = None
    arguments: tuple[Argument, ...] = ()
    environment: Name | None = None
    slots: int = Field(default=1, ge=1, le=256)

    @model_validator(mode="after")
    def _program_or_command(self) -> Self:
        if (self.program is None) == (self.command is None):
            raise ValueError("takes exactly one of program, command")
        if self.command and self.environment:
            raise ValueError("environment is for a program: a command brings its own")
        return self


class TextFormat(StrEnum):
    """How texts are joined."""

    PLAIN = "plain"
    CSV = "csv"
    JSONL = "jsonl"


class Reduction(StrEnum):
    """How one field of many JSON objects becomes one value."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    LIST = "list"
    FIRST = "first"
    MOMENTS = "moments"


class Concatenate(Strict):
    """Outputs joined in item order."""

    format: TextFormat = TextFormat.PLAIN
    name: OutputName


class Zip(Strict):
    """Outputs in one archive."""

    name: OutputName


class Reduce(Strict):
    """The JSON objects of all items reduced to one, field by field."""

    name: OutputName
    fields: dict[str, Reduction] = Field(min_length=1, max_length=100)


class Nothing(Strict):
    """Outputs stay as they are."""


class Assemble(OneOf):
    """How task outputs become the run's output; exactly one of these."""

    concatenate: Concatenate | None = None
    zip: Zip | None = None
    reduce: Reduce | None = None
    program: StageProgram | None = None
    none: Nothing | None = None
