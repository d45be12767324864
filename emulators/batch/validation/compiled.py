"""Checks of whole bodies, compiled once a model from its fields, limits and rules."""

import re
from collections.abc import Callable, Set
from functools import cache
from typing import Any

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError, missing
from emulators.batch.validation import schema
from emulators.batch.validation.leaves import LEAVES, Check, one_of, wrong_type
from emulators.batch.validation.limits import Limit, limit_of
from emulators.batch.validation.rules import RULES

# Older clients still send these; the models of 2025-06-01 lack them.
_OLDER = frozenset(
    {
        "authenticationTokenSettings",
        "certificateReferences",
        "cloudServiceConfiguration",
        "currentNodeCommunicationMode",
        "resourceTags",
        "targetNodeCommunicationMode",
    }
)
# The entity name of a model, as far as the service was seen to tell it.
_ENTITY = re.compile(r"^Batch(?=[A-Z])|(?<=[a-z])(Create|Update|Replace)?Options$")
# Annotations of OData; a client that received them sends them back.
_ANNOTATION = ("odata.", "@odata.")
# Tasks of a collection succeed or fail one by one, so the collection does not check them.
_LOOSE = {("BatchTaskGroup", "value"): ["list", "any"]}


def validate(model: str, body: Doc) -> Doc:
    """Return the body as the service understands it, or refuse its first violation.

    It drops nulls, converts numbers and booleans to their own type, keeps what older versions had,
    and refuses unknown properties. It changes the body itself.
    """
    checked: Doc = _model(model)(body)
    return checked


@cache
def _model(model: str) -> Check:
    """Compile one model; models that contain one another are compiled when first met."""
    fields = {name: field for name, field in schema.fields(model).items() if not field.read_only}
    checks = {name: _property(model, name, field.kind) for name, field in fields.items()}
    known = frozenset(schema.fields(model)) | _OLDER
    required = [name for name, field in fields.items() if field.required]
    rules = RULES.get(model, ())

    def check(body: Any) -> Any:  # noqa: ANN401 - JSON
        if type(body) is not dict:
            raise wrong_type(model, body, "an object")
        if any(value is None or name not in checks for name, value in body.items()):
            body = _tidy(model, body, known)
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


def _tidy(model: str, body: Doc, known: Set[str]) -> Doc:
    """Drop nulls; refuse unknown names in the service's words."""
    for name in body:
        if name not in known and not name.startswith(_ANNOTATION):
            raise BatchError("InvalidRequestBody", Reason=_unknown(model, name))
    return {name: value for name, value in body.items() if value is not None}


def _unknown(model: str, name: str) -> str:
    entity = f"Microsoft.Azure.Batch.Protocol.Entities.{_ENTITY.sub('', model)}"
    return (
        f"The property '{name[:100]}' does not exist on type '{entity}'. Make sure to only use "
        "property names that are defined by the type."
    )


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
