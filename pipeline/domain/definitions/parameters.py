"""Parameters of a pipeline: their legal values, and the values of one run."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from pipeline.domain.definitions.types import Strict
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.plans.split import Scalar
from pipeline.errors import Permanent

MAX_TEXT = 4096
MAX_DIGITS = 18

_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
}


class InvalidParameters(Permanent):
    """The parameters do not fit the pipeline."""


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(f"{repr(value)[:60]} is not text, a number, true or false")


def _scalars(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("must be a list with at least one value")
    return tuple(_scalar(element) for element in value)


_SCALAR_SCHEMA: dict[str, object] = {"type": ["string", "number", "boolean"]}
ScalarValue = Annotated[Scalar, BeforeValidator(_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
ScalarList = Annotated[
    tuple[Scalar, ...],
    BeforeValidator(_scalars),
    WithJsonSchema({"type": "array", "items": _SCALAR_SCHEMA, "minItems": 1}),
]


class Parameter(Strict):
    """One parameter: its type, its bounds, and its default; without a default it is required."""

    type: Literal["integer", "number", "string", "boolean"]
    default: ScalarValue | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: ScalarList | None = None
    description: str = ""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        bounded = self.minimum is not None or self.maximum is not None
        if bounded and self.type not in {"integer", "number"}:
            raise ValueError(f"minimum and maximum need a number, but the type is {self.type}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        for choice in self.choices or ():
            if _typed(self.type, choice) is None:
                raise ValueError(f"choice {_shown(choice)} is not {_WORDS[self.type]}")
        if self.default is not None:
            try:
                self.accept(self.default)
            except ValueError as error:
                raise ValueError(f"the default {error}") from None
        return self

    @property
    def required(self) -> bool:
        """Whether a run must give a value."""
        return self.default is None

    def accept(self, given: object) -> Scalar:
        """Turn a value, perhaps text from blob metadata, into this type. Raises ValueError."""
        value = _typed(self.type, given)
        if value is None:
            raise ValueError(f"{_shown(given)} is not {_WORDS[self.type]}")
        if self.choices is not None and value not in self.choices:
            listed = ", ".join(str(choice) for choice in self.choices)
            raise ValueError(f"{_shown(given)} is not one of {listed}{_hint(value, self.choices)}")
        self._check_bounds(value)
        return value

    def _check_bounds(self, value: Scalar) -> None:
        if isinstance(value, str):
            return
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"{_shown(value)} is below the minimum {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"{_shown(value)} is above the maximum {self.maximum:g}")


def resolve(parameters: Mapping[str, Parameter], given: Mapping[str, object]) -> dict[str, Scalar]:
    """Give every parameter its value. Raises InvalidParameters, which names every fault."""
    problems = [
        f"{str(name)[:60]}: no such parameter{nearest(str(name), list(parameters))}"
        for name in given
        if name not in parameters
    ]
    values: dict[str, Scalar] = {}
    for name, parameter in parameters.items():
        value = given.get(name, parameter.default)
        try:
            if value is None:
                raise ValueError("a value is required")  # noqa: TRY301 - one place collects them
            values[name] = parameter.accept(value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InvalidParameters("; ".join(problems[:20]))
    return values


def _typed(kind: str, given: object) -> Scalar | None:
    reader = {"integer": _integer, "number": _number, "boolean": _boolean, "string": _text}[kind]
    return reader(given)


def _integer(given: object) -> int | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given if abs(given) < 10**MAX_DIGITS else None
    text = given.strip() if isinstance(given, str) else ""
    digits = text.removeprefix("-")
    return (
        int(text) if digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS else None
    )


def _number(given: object) -> int | float | None:
    whole = _integer(given)
    if whole is not None:
        return whole
    if isinstance(given, bool) or not isinstance(given, str | float):
        return None
    try:
        value = float(given)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _boolean(given: object) -> bool | None:
    if isinstance(given, bool):
        return given
    return (
        {"true": True, "false": False}.get(given.strip().lower())
        if isinstance(given, str)
        else None
    )


def _text(given: object) -> str | None:
    fits = isinstance(given, str) and len(given) <= MAX_TEXT and "\0" not in given
    return given if fits and isinstance(given, str) else None


def _hint(value: Scalar, choices: Sequence[Scalar]) -> str:
    return nearest(str(value), [str(choice) for choice in choices])


def _shown(value: object) -> str:
    return repr(value)[:60]
