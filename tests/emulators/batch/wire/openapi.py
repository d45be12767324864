"""The OpenAPI document of 2024-07-01.20.0 and its examples, if they are at hand."""

import functools
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[5] / "shared/reference/batch-openapi-2024-07-01.20.0"
VERSION = "2024-07-01.20.0"
# What answers hold beside the document's schema: OData's words, and newer properties.
_ODATA = {"odata.metadata": {"type": "string"}, "odata.nextLink": {"type": "string"}}
_NEWER = {"ipv6Address": {"type": "string"}, "jobDefaultOrder": {"type": "string"}}


def is_there() -> bool:
    return FOLDER.exists()


@functools.cache
def document() -> dict[str, Any]:
    return json.loads((FOLDER / "BatchService.json").read_text())


@functools.cache
def examples() -> dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return method, path, operation and content of every example, by its name."""
    found = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("x-ms-examples", {}).values():
                name = Path(one["$ref"]).stem
                content = json.loads((FOLDER / "examples" / f"{name}.json").read_text())
                found[name] = (method.upper(), path, operation, content)
    return found


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Turn a schema of the document into a JSON Schema that refuses other keys.

    It leaves enums out, because the service varies their case.
    """
    if "$ref" in schema:
        return strict(document()["definitions"][schema["$ref"].rpartition("/")[2]])
    if schema.get("type") == "array":
        return {"type": "array", "items": strict(schema["items"])}
    if "properties" in schema:
        own = {name: strict(one) for name, one in schema["properties"].items()}
        return {
            "type": "object",
            "properties": {**_NEWER, **_ODATA, **own},
            "required": schema.get("required", []),
            "additionalProperties": False,
        }
    if schema.get("format") == "int64":
        return {"type": ["integer", "string"]}
    return {"type": schema["type"]} if "type" in schema else {}
