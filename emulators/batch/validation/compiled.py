"""Checks of whole bodies, compiled once per model from its fields, limits and rules."""

from collections.abc import Callable
from functools import cache
from typing import Any

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError, missing
from emulators.batch.validation import schema
from emulators.batch.validation.leaves import LEAVES, Check, one_of, wrong_type
from emulators.batch.validation.limits import Limit, limit_of
from emulators.batch.validation.rules import RULES

# Tasks of a collection succeed or fail one by one, so the collection does not look into them.
_LOOSE = {("BatchTaskGroup", "value"): ["list", "any"]}


def validate(model: str, body: Doc) -> Doc:
    """Return the body as the service understands it, or refuse it by its first violation.

    Nulls are gone, known names have their own spelling, numbers and truths their own type;
    unknown properties are kept. The body itself is changed.
    """
    checked: Doc = _model(model)(body)
    return checked


@cache
def _model(model: str) -> Check:
    """Compile one model; models that hold one another are compiled when first met."""
    fields = {name: field for name, field in schema.fields(model).items() if not field.read_only}
    checks = {name: _property(model, name, field.kind) for name, field in fields.items()}
    by_lower = {name.lower(): name for name in fields}
    required = [name for name, field in fields.items() if field.required]
    rules = RULES.get(model, ())

    def check(body: Any) -> Any:  # noqa: ANN401 - JSON
        if type(body) is not dict:
            raise wrong_type(model, body, "an object")
        if any(value is None or name not in checks for name, value in body.items()):
            body = _tidy(body, by_lower)
        for name, value in body.items():
            one = checks.get(name)
            if one is not None:
                body[name] = one(value)
        for name in required:
            if name not in body:
                raise missing(name)
        for rule in rules:
            rule(body)
        return body

    return check


def _tidy(body: Doc, by_lower: dict[str, str]) -> Doc:
    """Drop nulls and spell known names as the service does."""
    tidy: Doc = {}
    for given, value in body.items():
        name = by_lower.get(given.lower(), given)
        if value is None:
            continue
        if name in tidy:
            reason = "The property is specified more than once."
            raise BatchError("InvalidRequestBody", PropertyName=name, Reason=reason)
        tidy[name] = value
    return tidy


def _property(model: str, name: str, kind: schema.Kind) -> Check:
    check, limit = _kind(name, _LOOSE.get((model, name), kind)), limit_of(model, name)
    return check if limit is None else _limited(name, check, limit)


def _limited(name: str, check: Check, limit: Limit) -> Check:
    def both(value: Any) -> Any:  # noqa: ANN401 - JSON
        found = check(value)
        limit(name, found)
        return found

    return both


def _kind(name: str, kind: schema.Kind) -> Check:
    if isinstance(kind, list):
        return _list(name, _kind(name, kind[1]))
    if kind in LEAVES:
        return LEAVES[kind](name)
    values = schema.enum(kind)
    return one_of(name, values) if values is not None else _nested(name, lambda: _model(kind))


def _list(name: str, entry: Check) -> Check:
    def check(value: Any) -> Any:  # noqa: ANN401 - JSON
        if type(value) is not list:
            raise wrong_type(name, value, "a list")
        return [entry(one) for one in value]

    return check


def _nested(name: str, model: Callable[[], Check]) -> Check:
    def check(value: Any) -> Any:  # noqa: ANN401 - JSON
        if type(value) is not dict:
            raise wrong_type(name, value, "an object")
        return model()(value)

    return check
