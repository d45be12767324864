"""Says in plain words why a model refused a definition, with the line and the nearest key."""

import types
from collections.abc import Iterator
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.domain.catalogue.file import Document, Problem, Where
from pipeline.domain.notation.spelling import nearest

_EXPECTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text: put it in quotes",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
    "date_from_datetime_parsing": "must be a date such as 2026-09-01",
    "date_type": "must be a date such as 2026-09-01",
    "missing": "is required but missing",
    "finite_number": "must be a finite number",
}
_BOUNDS = {
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


def problems_of(
    model: type[BaseModel], error: ValidationError, document: Document
) -> Iterator[Problem]:
    """Translate all errors of a model, in the order of the file's lines."""
    details = error.errors(include_url=False, include_context=True)
    found = [_problem(model, detail, document) for detail in details]
    yield from sorted(set(found), key=lambda problem: (problem.line, problem.key))


def _problem(model: type[BaseModel], detail: ErrorDetails, document: Document) -> Problem:
    where = tuple(part for part in detail["loc"] if part != "[key]")
    return document.problem(where, _reason(model, detail, where))


def _reason(model: type[BaseModel], detail: ErrorDetails, where: Where) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key{nearest(str(where[-1]), _keys_at(model, where[:-1]))}"
    if kind == "missing":
        present = detail["input"]
        unused = _keys_at(model, where[:-1])
        extra = [key for key in present if key not in unused] if isinstance(present, dict) else []
        return _EXPECTED[kind] + (f"; is '{extra[0]}' meant?" if len(extra) == 1 else "")
    if kind in {"literal_error", "enum"}:
        return _choice(detail)
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    return _EXPECTED.get(kind, detail["msg"])


def _choice(detail: ErrorDetails) -> str:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    hint = nearest(str(detail["input"]), words)
    return f"{detail['input']!r:.60} is not one of {', '.join(words)}{hint}"


def _keys_at(model: type[BaseModel], where: Where) -> list[str]:
    """List the keys that the model accepts at a place."""
    annotation: object = model
    for part in where:
        annotation = _step(annotation, part)
    found = _model(annotation)
    return [info.alias or name for name, info in found.model_fields.items()] if found else []


def _step(annotation: object, part: str | int) -> object:
    found = _model(annotation)
    if found:
        for name, info in found.model_fields.items():
            if part in {name, info.alias}:
                return info.annotation
        return None
    arguments = [a for a in _alternatives(annotation) if get_origin(a) in {dict, tuple}]
    return get_args(arguments[0])[isinstance(part, str)] if arguments else None


def _model(annotation: object) -> type[BaseModel] | None:
    for candidate in _alternatives(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _alternatives(annotation: object) -> list[object]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [found for arm in get_args(annotation) for found in _alternatives(arm)]
    return [annotation]
