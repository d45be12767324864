"""The base class and the small types of definitions.

Validators raise ValueError with the text that the author of a YAML file reads.
"""

import re
from collections.abc import Callable
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from pipeline.domain.notation.placeholders import NAME
from pipeline.domain.texts.encodings import ENCODINGS

FORMAT = 1  # of definition files
SMOKE = "fanfare-smoke"  # the pipeline of `fanfare smoke`, which no file may define
PIPELINE_NAME = r"[a-z][a-z0-9-]{0,31}"
CONTAINER_NAME = r"[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]"
FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
OUTPUT_NAME = r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}"


class Strict(BaseModel):
    """A value from a definition: immutable, strictly typed, without unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class OneOf(Strict):
    """A choice: exactly one of the keys is given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        chosen = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(chosen) != 1:
            keys = ", ".join(type(self).model_fields)
            found = " and ".join(chosen) or "none"
            raise ValueError(f"takes exactly one of {keys}; found {found}")
        return self

    @property
    def kind(self) -> str:
        """The key that is given."""
        return next(key for key in type(self).model_fields if getattr(self, key) is not None)


def matching(pattern: str, words: str) -> Callable[[str], str]:
    """Make a validator that requires a full match; `words` describe it in the error."""
    expression = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(f"{text[:60]!r} is not {words}")
        return text

    return check


def _listed(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _count(value: object) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"\{" + NAME + r"\}", value, re.ASCII):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{repr(value)[:60]} is not a whole number or a placeholder '{{name}}'")


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a NUL character, which an argument cannot hold")
    return text


def _output_path(path: str) -> str:
    if any(part in {"", ".", ".."} for part in path.split("/")) or not path.isprintable():
        raise ValueError(f"{path[:60]!r} is not the name of a file in an output")
    return path


def _known_encoding(name: str) -> str:
    if name not in ENCODINGS:
        raise ValueError(f"{name[:40]!r} is not one of {', '.join(ENCODINGS)}")
    return name


def _one_character(text: str) -> str:
    if len(text) != 1 or text in "\0\r\n":
        raise ValueError(f"{text[:20]!r} is not one character other than a line end")
    return text


def _quote(text: str) -> str:
    return _one_character(text) if text else text


def _known_format(number: int) -> int:
    if number != FORMAT:
        raise ValueError(f"format {number} is unknown: this release reads format {FORMAT}")
    return number


Format = Annotated[int, AfterValidator(_known_format), Field(json_schema_extra={"const": FORMAT})]
Name = Annotated[
    str,
    AfterValidator(
        matching(
            PIPELINE_NAME,
            "a name of lower-case letters, digits and dashes (at most 32, a letter first)",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{PIPELINE_NAME}$"}),
]
ContainerName = Annotated[
    str,
    AfterValidator(
        matching(
            CONTAINER_NAME,
            "a container name of 3 to 63 lower-case letters, digits and single dashes",
        )
    ),
    Field(json_schema_extra={"minLength": 3, "maxLength": 63}),
]
FileName = Annotated[
    str,
    AfterValidator(matching(FILE_NAME, "a plain file name without folders")),
    Field(json_schema_extra={"pattern": f"^{FILE_NAME}$"}),
]
OutputName = Annotated[
    str,
    AfterValidator(matching(OUTPUT_NAME, "a plain output name without folders")),
    Field(json_schema_extra={"pattern": f"^{OUTPUT_NAME}$"}),
]
OutputPath = Annotated[
    str,
    AfterValidator(_output_path),
    Field(min_length=1, max_length=512),
]
Encoding = Annotated[
    str,
    AfterValidator(_known_encoding),
    Field(json_schema_extra={"enum": [*ENCODINGS]}),
]
Delimiter = Annotated[
    str, AfterValidator(_one_character), Field(json_schema_extra={"minLength": 1, "maxLength": 1})
]
Mark = Annotated[str, Field(min_length=1, max_length=100)]
Quote = Annotated[str, AfterValidator(_quote), Field(json_schema_extra={"maxLength": 1})]
Argument = Annotated[str, AfterValidator(_no_nul), Field(max_length=8192)]
OneOrMore = BeforeValidator(_listed)
Count = Annotated[
    int | str,
    BeforeValidator(_count),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\{" + NAME + r"\}$"}]}
    ),
]
ParameterName = Annotated[
    str,
    AfterValidator(matching(NAME, "a parameter name such as frame_rate (at most 32 characters)")),
    Field(json_schema_extra={"pattern": f"^{NAME}$"}),
]
