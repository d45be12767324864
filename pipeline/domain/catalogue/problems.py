"""Says in plain words why a model refused a definition, with the line and the nearest key."""

import copy
import types
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.domain.catalogue.file import Document, Plain, Problem, Where
from pipeline.domain.notation.spelling import nearest

MAX_PROBLEMS = 50
_REFERRED = frozenset({"parameters", "split"})  # other keys name what is in them
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
    """Translate the errors of a model, in the order of the file's lines, at most 51."""
    details = error.errors(include_url=False, include_context=True)
    # The reasons are worth time: they look for the nearest key.
    placed = sorted(details, key=lambda detail: document.problem(_place(detail), "").line)
    found = [
        document.problem(_place(detail), _reason(model, detail, _place(detail)))
        for detail in placed[: MAX_PROBLEMS + 1]
    ]
    told = {problem.key for problem in document.problems}
    new = {problem for problem in found if problem.key not in told}
    yield from sorted(new, key=lambda problem: (problem.line, problem.key))


def limited(problems: Sequence[Problem]) -> list[Problem]:
    """Return the first 50 problems of each file, and for the others that there are more."""
    kept: list[Problem] = []
    counts: Counter[str] = Counter()
    for problem in problems:
        counts[problem.file] += 1
        if counts[problem.file] <= MAX_PROBLEMS:
            kept.append(problem)
        elif counts[problem.file] == MAX_PROBLEMS + 1:
            kept.append(Problem(problem.file, 0, "", "has more problems: mend these first"))
    return kept


def without(data: dict[str, Plain], error: ValidationError) -> dict[str, Plain] | None:
    """Return the data without what is wrong in it, so that the rest can be checked.

    None if other keys refer to what is wrong: their problems would be none.
    """
    rest: dict[str, Plain] = copy.deepcopy(data)
    for detail in error.errors(include_url=False, include_input=False):
        where = _place(detail)
        if not where or where[0] in _REFERRED or detail["type"] == "missing":
            return None
        _remove(rest, where)
    return rest


def _remove(data: Plain, where: Where) -> None:
    for part in where[:-1]:
        data = _inner(data, part)
    if isinstance(data, dict):
        data.pop(str(where[-1]), None)


def _inner(data: Plain, part: str | int) -> Plain:
    if isinstance(data, dict):
        return data.get(str(part))
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _place(detail: ErrorDetails) -> Where:
    return tuple(part for part in detail["loc"] if part != "[key]")


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
