"""The OpenAPI document of 2024-07-01.20.0 and its examples, see `microsoft/README.md`."""

import functools
import gzip
import json
from pathlib import Path
from typing import Any

VERSION = "2024-07-01.20.0"
DATA = Path(__file__).parent / "microsoft" / f"batch-{VERSION}.json.gz"
# What answers hold beside the document's schema: OData's words, and newer properties.
_ODATA = {"odata.metadata": {"type": "string"}, "odata.nextLink": {"type": "string"}}
_NEWER = {"ipv6Address": {"type": "string"}, "jobDefaultOrder": {"type": "string"}}


@functools.cache
def _data() -> dict[str, Any]:
    return json.loads(gzip.decompress(DATA.read_bytes()))


def document() -> dict[str, Any]:
    return _data()["document"]


@functools.cache
def examples() -> dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return method, path, operation and content of every example, by its name."""
    found = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            for one in operation.get("x-ms-examples", {}).values():
                name = Path(one["$ref"]).stem
                found[name] = (method.upper(), path, operation, _data()["examples"][name])
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
