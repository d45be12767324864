"""How a run's work becomes items: one kind of split for each key of `split`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.domain.definitions.parameters import ScalarList
from pipeline.domain.definitions.stages import STAGE_LIMIT, StageProgram
from pipeline.domain.definitions.types import (
    Argument,
    ContainerName,
    Count,
    Delimiter,
    Encoding,
    Mark,
    OneOf,
    OneOrMore,
    ParameterName,
    Quote,
    Strict,
)
from pipeline.domain.notation.durations import Duration
from pipeline.domain.notation.placeholders import fill
from pipeline.domain.plans.split import PlanError, Scalar

# The counts of each kind, and whether each must be at least 1.
COUNTS: Mapping[str, Mapping[str, bool]] = {
    "range": {"start": False, "stop": False, "step": True},
    "frames": {"step": True},
    "lines": {"lines_per_item": True},
    "csv": {"rows_per_item": True},
    "bytes": {"bytes_per_item": True},
}
_RANGE = ("start", "end", "index")


def resolve_count(count: int | str, parameters: Mapping[str, Scalar]) -> int:
    """Return a count, or the parameter that stands for it. Raises PlanError if it is not whole."""
    value = parameters.get(count.strip("{}")) if isinstance(count, str) else count
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PlanError(f"{count} must be a whole number, but it is {value!r:.60}")


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
            parameters=(*_RANGE, "start_time", "end_time", "seek_time"),
        )


class LinesSplit(Strict):
    """Items of `lines_per_item` lines each of the input text."""

    skip_header: bool = False
    lines_per_item: Count = 1
    encoding: Encoding | None = None

    @property
    def text(self) -> str:
        """The name of the parameter that has an item's lines as text."""
        return "line" if self.lines_per_item == 1 else "lines"

    def resolved(self, parameters: Mapping[str, Scalar]) -> int:
        """Return lines_per_item for a run's parameters."""
        return resolve_count(self.lines_per_item, parameters)


class CsvSplit(Strict):
    """Items of `rows_per_item` rows each of the input table; each has the header, if there is one.

    `header` says whether the first row names the columns.
    """

    rows_per_item: Count = 1
    header: bool = True
    delimiter: Delimiter = ","
    quote: Quote = '"'
    encoding: Encoding | None = None

    def resolved(self, parameters: Mapping[str, Scalar]) -> int:
        """Return rows_per_item for a run's parameters."""
        return resolve_count(self.rows_per_item, parameters)


class BytesSplit(Strict):
    """Items of at least `bytes_per_item` bytes each of the input, cut where a record ends."""

    bytes_per_item: Count
    record_end: Mark | None = None
    record_start: Mark | None = None

    @model_validator(mode="after")
    def _one_mark(self) -> Self:
        if self.record_end is not None and self.record_start is not None:
            raise ValueError("takes at most one of record_end, record_start")
        return self

    def resolved(self, parameters: Mapping[str, Scalar]) -> int:
        """Return bytes_per_item for a run's parameters."""
        return resolve_count(self.bytes_per_item, parameters)


class ManifestFormat(StrEnum):
    """How a list of items is written."""

    JSON = "json"
    CSV = "csv"


class ManifestSplit(Strict):
    """One item for each entry of the input, which is a list of blobs or of parameters."""

    format: ManifestFormat = ManifestFormat.JSON
    container: ContainerName | None = None
    parameters: tuple[ParameterName, ...] = ()
    delimiter: Delimiter = ","
    quote: Quote = '"'
    encoding: Encoding | None = None

    @model_validator(mode="after")
    def _keys_of_the_format(self) -> Self:
        table = self.model_fields_set & {"delimiter", "quote"}
        if table and self.format is not ManifestFormat.CSV:
            raise ValueError(f"{min(table)} is for format csv")
        if self.container is None and not self.parameters:
            raise ValueError("needs a container of blobs, or parameters, or both")
        return self


class Split(OneOf):
    """How a run's work becomes items; exactly one of these."""

    blobs: BlobsSplit | None = None
    range: RangeSplit | None = None
    frames: FramesSplit | None = None
    grid: dict[ParameterName, ScalarList] | None = Field(default=None, min_length=1)
    lines: LinesSplit | None = None
    csv: CsvSplit | None = None
    bytes: BytesSplit | None = None
    manifest: ManifestSplit | None = None
    program: SplitProgram | None = None

    @property
    def item_parameters(self) -> tuple[str, ...]:
        """The names of the parameters that the items of this split have."""
        if listed := self.on_node or self.manifest:
            return listed.parameters
        if self.lines:
            return (self.lines.text, "lines_file")
        ranges = self.range or self.csv or self.bytes
        return (*(_RANGE if ranges else ()), *self.files, *(self.grid or ()))

    @property
    def on_node(self) -> SplitProgram | None:
        """The program that splits on a node, the user's or the engine's; None without one."""
        return self.frames.on_node if self.frames else self.program

    @property
    def files(self) -> tuple[str, ...]:
        """The placeholders that stand for a file with the item's part of the input."""
        named = {"lines": "lines_file", "csv": "rows_file", "bytes": "bytes_file"}
        return (named[self.kind],) if self.kind in named else ()

    @property
    def needs_input(self) -> bool:
        """Whether a run must have an input blob."""
        whole = self.blobs is not None and self.blobs.container is None
        return whole or self.kind in {"frames", "lines", "csv", "bytes", "manifest"}
