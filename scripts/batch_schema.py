"""Writes the Batch emulator's schema from the SDK's models: `python scripts/batch_schema.py`.

Reads ../shared/reference; the emulator itself needs only the written file. Properties that only the
OpenAPI document of 2024-07-01.20.0 has are kept for lists (`$select`).
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"
TARGET = ROOT / "emulators" / "batch" / "validation" / "schema.json"
_PLAIN = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime.datetime": "time",
    "datetime.timedelta": "duration",
}
# SDK model -> definition of the OpenAPI document, for what clients of older versions may select.
_OLDER = {
    "BatchPool": "CloudPool",
    "BatchJob": "CloudJob",
    "BatchJobSchedule": "CloudJobSchedule",
    "BatchTask": "CloudTask",
    "BatchNode": "ComputeNode",
}
# Bodies that the SDK's listing lacks.
_NODE_OPTION = ["requeue", "terminate", "taskcompletion", "retaineddata"]
_MORE_ENUMS = {"NodeOption": _NODE_OPTION}
_MORE = {
    "BatchJobTerminateOptions": {"terminateReason": ["text", 0, 0]},
    "BatchNodeRebootOptions": {"nodeRebootOption": ["NodeOption", 0, 0]},
    "BatchNodeReimageOptions": {"nodeReimageOption": ["NodeOption", 0, 0]},
    "BatchNodeDeallocateOptions": {"nodeDeallocateOption": ["NodeOption", 0, 0]},
}


def kind(text: str) -> str | list[str]:
    """Return a type as the schema spells it; a list is a pair."""
    if found := re.fullmatch(r"Optional\[(.*)\]", text):
        return kind(found[1])
    if found := re.fullmatch(r"list\[(.*)\]", text):
        return ["list", kind(found[1])]
    if found := re.fullmatch(r"Union\[str, (.*)\]", text):
        return found[1]
    if text.startswith("dict["):
        return "map"
    return _PLAIN.get(text, text)


def schema(models: dict, definitions: dict) -> dict:
    """Return the enums, and the models with the properties that clients may write or select."""
    enums = {name: found["enum"] for name, found in models.items() if "enum" in found}
    shapes: dict[str, dict] = {}
    for name, found in models.items():
        if "enum" in found:
            continue
        shapes[name] = {
            key: [
                kind(field["type"]),
                int("Required." in field["doc"] and field["visibility"] != ["read"]),
                int(field["visibility"] == ["read"]),
            ]
            for key, field in found["fields"].items()
        }
    for name, older in _OLDER.items():
        for key in definitions[older]["properties"]:
            shapes[name].setdefault(key, ["any", 0, 1])
    return {"enums": enums | _MORE_ENUMS, "models": shapes | _MORE}


def render() -> str:
    """Return the schema's text, one model per line."""
    models = json.loads((REFERENCE / "sdk-15.1.0-models.json").read_text())
    openapi = REFERENCE / "batch-openapi-2024-07-01.20.0" / "BatchService.json"
    found = schema(models, json.loads(openapi.read_text())["definitions"])

    def lines(part: dict) -> str:
        rows = (f"{json.dumps(key)}:{json.dumps(value)}" for key, value in sorted(part.items()))
        return ",\n".join(rows)

    return (
        f'{{"enums":{{\n{lines(found["enums"])}\n}},"models":{{\n{lines(found["models"])}\n}}}}\n'
    )


if __name__ == "__main__":
    TARGET.write_text(render())
