"""The three stages of a pipeline: split, task and assemble.

A stage is a built-in of the engine or a program of the user.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.domain.definitions.images import ImageName, Interpreter, Memory
from pipeline.domain.definitions.secrets import Secrets
from pipeline.domain.definitions.types import (
    Argument,
    Delimiter,
    Encoding,
    FileName,
    Name,
    OneOf,
    OutputName,
    Quote,
    Strict,
)
from pipeline.domain.notation.durations import Duration

STAGE_LIMIT = timedelta(minutes=30)
_PYTHON = "python3"


class _OnNode(Strict):
    """What runs on a node: as a process, or in a container if it has an image.

    It gets a GPU for itself if it asks for one, and else sees none. Of secrets it gets those that
    it names, by the variables of its environment.
    """

    environment: Name | None = None
    image: ImageName | None = None
    python: Interpreter | None = None
    gpu: int = Field(default=0, ge=0, le=1)
    secrets: Secrets = Field(default_factory=dict)

    @model_validator(mode="after")
    def _packages_of_the_image(self) -> Self:
        if self.image is None and self.python is not None:
            raise ValueError("python is for an image: without one the node's own Python runs")
        if self.image and self.environment:
            raise ValueError("environment is for nodes: an image brings its own packages")
        return self


class StageProgram(_OnNode):
    """A program that carries out a stage on a node."""

    program: FileName
    arguments: tuple[Argument, ...] = ()
    limit: Duration = STAGE_LIMIT

    @property
    def interpreter(self) -> str | None:
        """The Python that runs the runner in the image; None without an image."""
        return (self.python or _PYTHON) if self.image else None


class TaskProgram(_OnNode):
    """The program or command that runs once for each item.

    In an image the runner needs Python. A program is Python, so it is there; a command may do
    without, and then each item is a task of its own.
    """

    program: FileName | None = None
    command: Annotated[tuple[Argument, ...] | None, Field(min_length=1)] = None
    arguments: tuple[Argument, ...] = ()
    shared_memory: Memory | None = None
    memory: Memory | None = None
    disk: Memory | None = None
    slots: int = Field(default=1, ge=1, le=256)
    require_output: bool = False

    @model_validator(mode="after")
    def _program_or_command(self) -> Self:
        if (self.program is None) == (self.command is None):
            raise ValueError("takes exactly one of program, command")
        if self.command and self.environment:
            raise ValueError("environment is for a program: a command brings its own")
        if self.shared_memory and self.image is None:
            raise ValueError("shared_memory is for an image: a process has the node's")
        return self

    @property
    def interpreter(self) -> str | None:
        """The Python that runs the runner in the image; None without an image, or without one."""
        if self.image is None:
            return None
        return self.python or (_PYTHON if self.program else None)

    @property
    def has_runner(self) -> bool:
        """Whether the runner starts the items; without it each item is the command of a task."""
        return self.image is None or self.interpreter is not None


class TextFormat(StrEnum):
    """How texts are joined."""

    PLAIN = "plain"
    TEXT = "text"
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
    """Outputs joined in item order; `encoding` is that of the parts, if no mark tells it."""

    format: TextFormat = TextFormat.PLAIN
    name: OutputName
    encoding: Encoding | None = None
    delimiter: Delimiter = ","
    quote: Quote = '"'
    header: bool = True

    @model_validator(mode="after")
    def _keys_of_the_format(self) -> Self:
        table = self.model_fields_set & {"delimiter", "quote", "header"}
        if table and self.format is not TextFormat.CSV:
            raise ValueError(f"{min(table)} is for format csv")
        if self.encoding and self.format is TextFormat.PLAIN:
            raise ValueError("encoding is for texts: format plain joins bytes as they are")
        return self


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
