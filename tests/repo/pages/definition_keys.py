"""Every key of a definition as its model has it: path, type, default and bounds, in words.

The words are those of the tables in `docs/pipelines.md`. Models have the aliases, and the lists
that may be a single text; their schemas have the bounds.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.domain.catalogue.schema import pipeline_schema, pool_schema
from pipeline.domain.definitions.pipeline import PipelineBody
from pipeline.domain.definitions.pool import PoolBody
from pipeline.domain.definitions.types import FILE_NAME, OUTPUT_NAME, PIPELINE_NAME, OneOrMore
from pipeline.domain.notation.durations import PATTERN, format_duration
from pipeline.domain.notation.placeholders import NAME
from pipeline.domain.texts.encodings import ENCODINGS

# Types that are defined by a pattern; the page explains them once.
PATTERNS = {
    f"^{PIPELINE_NAME}$": "name",
    f"^{FILE_NAME}$": "file name",
    f"^{OUTPUT_NAME}$": "output name",
    f"^{NAME}$": "parameter name",
    PATTERN: "duration",
}
CONTAINER = (3, 63)  # lengths that only the name of a container has
COUNT = {"type": "string", "pattern": r"^\{" + NAME + r"\}$"}
PLAIN = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "string": "text",
}
SECRET = {"$ref": "#/$defs/Secret"}
ANY_NAME = "NAME"  # means the keys of a mapping, which its author chooses

type Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """One row of a table of keys, without its meaning."""

    path: str
    type: str
    default: str
    bounds: str


def pipeline_keys() -> dict[str, Key]:
    """Return every key of a pipeline by its dotted path."""
    return {key.path: key for key in _Walk(pipeline_schema()).keys(PipelineBody)}


def pool_keys() -> dict[str, Key]:
    """Return every key of a pool by its dotted path."""
    return {key.path: key for key in _Walk(pool_schema()).keys(PoolBody)}


class _Walk:
    """Walks a model and its schema side by side."""

    def __init__(self, schema: Schema) -> None:
        self._root, self._definitions = schema, schema["$defs"]

    def keys(self, model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
        schema = self._definitions[model.__name__] if prefix else self._root
        for field, info in model.model_fields.items():
            name = info.alias or field
            yield from self._field(prefix + name, info, schema["properties"][name])

    def _field(self, path: str, info: FieldInfo, schema: Schema) -> Iterator[Key]:
        found = self._resolved(schema)
        yield Key(path, self._type(info, found), _default(info, found), self._bounds(found))
        yield from self._below(path, info, found)

    def _below(self, path: str, info: FieldInfo, schema: Schema) -> Iterator[Key]:
        """Yield the keys of a model, or the value of a mapping whose keys its author chooses."""
        model, values = _model_in(info.annotation), _values(schema)
        if "properties" in schema and model:
            yield from self.keys(model, f"{path}.")
        elif values:
            inner, path = self._resolved(values), f"{path}.{ANY_NAME}"
            yield Key(path, self._type(info, inner), "", self._bounds(inner))
            yield from self._below(path, info, inner)

    def _resolved(self, schema: Schema) -> Schema:
        """Follow a reference, and ignore that the key may be absent."""
        arms = [arm for arm in schema.get("anyOf", ()) if arm != {"type": "null"}]
        if len(arms) == 1:
            return self._resolved({**schema, **arms[0], "anyOf": ()})
        if "$ref" in schema:
            return self._definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def _type(self, info: FieldInfo, schema: Schema) -> str:
        if schema.get("type") != "array":
            return _word(schema)
        single = _word(self._resolved(schema["items"]))
        single_too = OneOrMore in info.metadata
        return f"{single}, or a list of {single}s" if single_too else f"list of {single}s"

    def _bounds(self, schema: Schema) -> str:
        if _word(schema) in (*PATTERNS.values(), "container name"):
            return ""
        if schema.get("enum") == [*ENCODINGS]:
            return "[these](#what-a-text-is)"
        if "enum" in schema:
            return ", ".join(f"`{word}`" for word in schema["enum"])
        if "const" in schema:
            return f"only `{schema['const']}`"
        parts = [
            _between(schema.get("minimum"), schema.get("maximum"), ""),
            _lengths(schema),
            _between(schema.get("minProperties"), schema.get("maxProperties"), "entries"),
        ]
        if "items" in schema and (each := self._bounds(self._resolved(schema["items"]))):
            parts.append(f"each {each}")
        return "; ".join(part for part in parts if part)


def _word(schema: Schema) -> str:
    """Name the type of a value that is not a list."""
    kind = schema.get("type")
    if kind is None:
        choices = {"count": COUNT, "secret": SECRET}
        found = (word for word, arm in choices.items() if arm in schema.get("anyOf", ()))
        return next(found, "number or share")
    if isinstance(kind, list):
        return "value"
    if kind == "string" and (schema.get("minLength"), schema.get("maxLength")) == CONTAINER:
        return "container name"
    if "enum" in schema:
        return "word"
    return PATTERNS.get(schema.get("pattern", ""), schema.get("format") or PLAIN.get(kind, ""))


def _values(schema: Schema) -> Schema | None:
    """Return the schema of a mapping's values, whatever the rule for its keys."""
    patterned = list(schema.get("patternProperties", {}).values())
    return patterned[0] if patterned else schema.get("additionalProperties") or None


def _default(info: FieldInfo, schema: Schema) -> str:
    value = info.get_default(call_default_factory=True)
    if info.is_required():
        return "required"
    if "properties" in schema:
        return "optional"
    return "none" if value is None else f"`{_yaml(value)}`"


def _yaml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_yaml(element) for element in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "total_seconds"):
        return format_duration(value)
    return '""' if value == "" else str(value)


def _lengths(schema: Schema) -> str:
    if schema.get("type") != "array":
        return _between(schema.get("minLength"), schema.get("maxLength"), "characters")
    # The schema of a list that may be a single text says `minLength`, but means `minItems`.
    least = schema.get("minItems", schema.get("minLength"))
    return _between(least, schema.get("maxItems"), "entries")


def _between(least: float | None, most: float | None, unit: str) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        text = f"at least {least:,}"
    else:
        text = f"at most {most:,}" if least is None else f"{least:,.0f} to {most:,.0f}"
    return f"{text} {unit}".strip().replace("at least 1 entries", "at least 1 entry")


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inside = get_origin(annotation) in {Annotated, Union, types.UnionType, dict}
    found = (_model_in(part) for part in get_args(annotation)) if inside else ()
    return next((model for model in found if model), None)
