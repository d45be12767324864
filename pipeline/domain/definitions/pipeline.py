"""A pipeline as its author wrote it: the models behind `pipelines/*.yaml`.

`domain/catalogue` reads files and compares them; this module knows one pipeline alone.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from pipeline.domain.definitions.parameters import Parameter, resolve
from pipeline.domain.definitions.retry import Retries
from pipeline.domain.definitions.splits import Split
from pipeline.domain.definitions.stages import Assemble, StageProgram, TaskProgram
from pipeline.domain.definitions.trigger import Trigger
from pipeline.domain.definitions.types import FORMAT, Format, Name, ParameterName, Strict
from pipeline.domain.notation.durations import Duration, format_duration
from pipeline.domain.plans.plan import Delivery
from pipeline.domain.plans.split import Scalar
from pipeline.domain.runs.naming import BlobRef

MAX_PLACES = 200
_PERCENT = r"(\d{1,3}(?:\.\d{1,4})?)%"


class Alias(StrEnum):
    """The friendly name under which people find a run's output, besides its own folder."""

    LATEST = "latest"
    INPUT_NAME = "input-name"
    NONE = "none"


class Overwrite(StrEnum):
    """Whether an alias moves to a newer run."""

    NEWEST = "newest"
    NEVER = "never"


class InputRules(Strict):
    """How nodes get the run's input; without `delivery` its size and the split decide."""

    delivery: Delivery | None = None


class Bundle(Strict):
    """How many items one task carries, and whether their small outputs share blobs.

    `pack` is None in a file that leaves it to the engine, and in a run that an older release began.
    """

    items: int = Field(default=1, ge=1, le=10_000)
    pack: bool | None = None


class Output(Strict):
    """How people find the output."""

    alias: Alias = Alias.LATEST
    overwrite: Overwrite = Overwrite.NEWEST


class OutputLimits(Strict):
    """How much one item may write, and how long the runner may take to move and hash it."""

    files: int = Field(default=5_000, ge=1, le=10_000)
    bytes: int = Field(default=200 << 30, ge=1, le=1 << 47)
    time: Duration = timedelta(minutes=30)


class Limits(Strict):
    """How long an item, a task and a run may take, and how much an item may write."""

    item: Duration = timedelta(minutes=10)
    task: Duration = timedelta(hours=1)
    run: Duration = timedelta(hours=6)
    outputs: OutputLimits = OutputLimits()

    @model_validator(mode="after")
    def _nested(self) -> Self:
        for inner, outer in (("item", "task"), ("task", "run")):
            short, long = getattr(self, inner), getattr(self, outer)
            if short > long:
                raise ValueError(
                    f"{inner} {format_duration(short)} is longer than "
                    f"{outer} {format_duration(long)}"
                )
        return self


def _share(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(_PERCENT, value, re.ASCII) if isinstance(value, str) else None
    if isinstance(value, str) and match and Fraction(match[1]) <= Fraction(100):
        return value
    raise ValueError(f"{repr(value)[:60]} is not a number of items or a share such as '5%'")


class Tolerance(Strict):
    """How many items may fail before the run fails."""

    failed_items: Annotated[
        int | str,
        BeforeValidator(_share),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    {"type": "string", "pattern": f"^{_PERCENT}$"},
                ]
            }
        ),
    ] = 0

    def allows(self, failed: int, total: int) -> bool:
        """Return whether the output may be assembled although some of the items failed."""
        if isinstance(self.failed_items, int):
            return failed <= self.failed_items
        return failed * 100 <= total * Fraction(self.failed_items.removesuffix("%"))


def _places(runs: int) -> int:
    if runs > MAX_PLACES:
        raise ValueError(f"must be at most {MAX_PLACES}: one row of the ledger names all of them")
    return runs


_Places = Annotated[
    int, Field(ge=1, json_schema_extra={"maximum": MAX_PLACES}), AfterValidator(_places)
]


class PipelineBody(Strict):
    """A pipeline's file. The name of the pipeline is the name of the file."""

    fanfare: Format = FORMAT
    description: str = ""
    trigger: Trigger
    parameters: dict[ParameterName, Parameter] = Field(default_factory=dict, max_length=50)
    input: InputRules = InputRules()
    split: Split
    task: TaskProgram
    bundle: Bundle = Bundle()
    pool: Name
    assemble: Assemble
    output: Output = Output()
    priority: int = Field(default=0, ge=-1000, le=1000)
    max_concurrent_runs: _Places | None = None
    max_waiting_runs: int | None = Field(default=None, ge=1, le=100_000)
    limits: Limits = Limits()
    retries: Retries = Retries()
    tolerance: Tolerance = Tolerance()


class Pipeline(PipelineBody):
    """One pipeline: trigger, split, task, pool, assemble and the policies around them."""

    name: Name

    @property
    def stages(self) -> Mapping[tuple[str, ...], TaskProgram | StageProgram]:
        """What runs on nodes, the engine's own program too, by the key that describes it."""
        found = {
            ("task",): self.task,
            ("split", self.split.kind): self.split.on_node,
            ("assemble", "program"): self.assemble.program,
        }
        return {where: stage for where, stage in found.items() if stage is not None}

    def resolve_parameters(self, given: Mapping[str, object]) -> dict[str, Scalar]:
        """Give each parameter its value for one run. Raises InvalidParameters."""
        return resolve(self.parameters, given)

    def parameters_in(self, blob: BlobRef, metadata: Mapping[str, str]) -> dict[str, str]:
        """Pick the values that a blob's metadata and its path give for parameters.

        Names in metadata ignore case; the path counts where both give one.
        """
        found = {name.lower(): text for name, text in metadata.items()}
        given = {name: found[name.lower()] for name in self.parameters if name.lower() in found}
        trigger = self.trigger.blob
        path = trigger.parameters_in(blob.container, blob.name) if trigger else {}
        return {**given, **path}

    def to_json(self) -> str:
        """Write the keys that differ from the defaults; a run keeps this text.

        A default never changes within a format (`tests/compatibility`), so leaving it out loses
        nothing; and an earlier release can read a definition that uses no newer key. It must not
        carry on a run with packs, so that key is always written.
        """
        return self.settled().model_dump_json(by_alias=True, exclude_defaults=True)

    def settled(self) -> Self:
        """Return the definition with what the engine chose where the file left it open."""
        several = self.bundle.items > 1 and self.task.has_runner
        if self.bundle.pack is not None or not several:
            return self
        bundle = self.bundle.model_copy(update={"pack": True})
        return self.model_copy(update={"bundle": bundle})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a definition that `to_json` wrote."""
        return cls.model_validate_json(text)
