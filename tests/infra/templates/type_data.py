"""Compares resources with Azure's own type data: kinds, enums, required and read-only properties.

The data is that of Azure/bicep-types-az, see `microsoft/README.md`. Only literals are
compared: expressions have no value yet.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.infra.templates.bicep import Declaration, Expression

_REQUIRED, _READ_ONLY = 1, 2
# What Bicep itself adds to a resource, and what the type data has for its name and kind.
_BICEPS_OWN = frozenset({"parent", "scope", "dependsOn"})
_PLAIN = {"StringType": str, "IntegerType": int, "BooleanType": bool}


@dataclass(frozen=True)
class Node:
    """A node of the type graph, in its file."""

    nodes: list[dict]
    at: int

    @property
    def data(self) -> dict:
        return self.nodes[self.at]

    @property
    def kind(self) -> str:
        return self.data["$type"]

    def follow(self, reference: Mapping[str, str]) -> "Node":
        return Node(self.nodes, int(reference["$ref"].removeprefix("#/")))


class Types:
    """All resource types of a file, by type and API version in lower case."""

    def __init__(self, path: Path) -> None:
        self._found: dict[str, Node] = {}
        for nodes in json.loads(gzip.decompress(path.read_bytes())).values():
            for at, data in enumerate(nodes):
                if data["$type"] == "ResourceType":
                    self._found[data["name"].lower()] = Node(nodes, at).follow(data["body"])

    def knows(self, name: str) -> bool:
        return name.lower() in self._found

    def check(self, resource: Declaration) -> list[str]:
        """Return what is wrong with a resource; its type must be known."""
        body = {key: value for key, value in resource.body.items() if key not in _BICEPS_OWN}
        if resource.existing:
            return []
        found = problems(body, self._found[resource.what.lower()], "")
        return [f"{resource.symbol} (line {resource.line}): {problem}" for problem in found]

    def check_properties(self, name: str, properties: object) -> list[str]:
        """Return what is wrong with the properties of a resource that is plain JSON."""
        body = self._found[name.lower()]
        return list(
            problems(properties, body.follow(body.data["properties"]["properties"]["type"]))
        )


def problems(value: object, node: Node, at: str = "") -> Iterator[str]:
    """Yield what is wrong with a value of a type."""
    if isinstance(value, Expression):
        for option in value.options:
            yield from problems(option, node, at)
    elif value is None or node.kind == "AnyType":
        return
    elif node.kind == "ObjectType":
        yield from _object(value, node, at)
    elif node.kind == "DiscriminatedObjectType":
        yield from _discriminated(value, node, at)
    elif node.kind == "ArrayType":
        yield from _array(value, node, at)
    elif node.kind == "UnionType":
        yield from _union(value, node, at)
    else:
        yield from _literal(value, node, at)


def _object(value: object, node: Node, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} must be an object"
        return
    known, more = node.data["properties"], node.data.get("additionalProperties")
    yield from _properties(value, node, at, known, more)


def _properties(value: dict, node: Node, at: str, known: dict, more: dict | None) -> Iterator[str]:
    for key, inner in value.items():
        place = f"{at}.{key}".removeprefix(".")
        if key not in known and more is None:
            yield f"{place} is unknown"
        elif key in known and known[key].get("flags", 0) & _READ_ONLY:
            if place not in ("type", "apiVersion"):
                yield f"{place} is read-only"
        else:
            yield from problems(
                inner, node.follow(known[key]["type"] if key in known else more), place
            )
    for key, wanted in known.items():
        if wanted.get("flags", 0) & _REQUIRED and key not in value:
            yield f"{at}.{key} is missing".removeprefix(".")


def _discriminated(value: object, node: Node, at: str) -> Iterator[str]:
    key, elements = node.data["discriminator"], node.data["elements"]
    chosen = value.get(key) if isinstance(value, dict) else None
    if isinstance(chosen, Expression):
        return
    if not isinstance(value, dict) or chosen not in elements:
        yield f"{at}.{key} is {chosen!r}, not one of {', '.join(sorted(elements))}"
        return
    element = node.follow(elements[chosen])
    known = {**node.data["baseProperties"], **element.data["properties"]}
    yield from _properties(value, element, at, known, None)


def _array(value: object, node: Node, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at} must be an array"
        return
    for index, item in enumerate(value):
        yield from problems(item, node.follow(node.data["itemType"]), f"{at}[{index}]")


def _union(value: object, node: Node, at: str) -> Iterator[str]:
    elements = [node.follow(element) for element in node.data["elements"]]
    if all(list(problems(value, element, at)) for element in elements):
        known = [str(e.data["value"]) for e in elements if e.kind == "StringLiteralType"]
        yield f"{at} is {value!r}, not one of {', '.join(known)}"
    elif any(e.kind == "StringType" for e in elements) and isinstance(value, str):
        # An open enum: a value that differs from a known one only in case is still a mistake.
        close = [e.data["value"] for e in elements if e.kind == "StringLiteralType"]
        if value not in close and value.lower() in {known.lower() for known in close}:
            yield f"{at} is {value!r}, spelt otherwise in {', '.join(close)}"


def _literal(value: object, node: Node, at: str) -> Iterator[str]:
    data = node.data
    if node.kind == "StringLiteralType":
        if value != data["value"]:
            yield f"{at} is {value!r}, not {data['value']!r}"
        return
    wanted = _PLAIN[node.kind]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        yield f"{at} is {value!r}, not a {wanted.__name__}"
    elif isinstance(value, str):
        yield from _text(value, data, at)
    elif node.kind == "IntegerType" and not (
        data.get("minValue", value) <= value <= data.get("maxValue", value)
    ):
        yield f"{at} is {value}, out of bounds"


def _text(value: str, data: dict, at: str) -> Iterator[str]:
    if not data.get("minLength", 0) <= len(value) <= data.get("maxLength", len(value)):
        yield f"{at} is {value!r}, too short or too long"
    if "pattern" in data and not re.search(data["pattern"], value):
        yield f"{at} is {value!r}, which does not match {data['pattern']}"
