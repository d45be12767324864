"""Adds what a later release may add to everything that an earlier release stored or sent."""

import json
from collections.abc import Callable

from pipeline.domain.runs.messages import RunMessage, Step, parse

type Json = dict[str, object]

ADDED = {"added_by_a_later_release": [1, {"two": None}], "and_another": "text"}
_COLUMN = "added_column"
_MAPS = ("parameters_json", "scripts_json")  # their keys are data


def with_additions(stored: Json) -> Json:
    """Return a stored world with a column, a field or both added everywhere."""
    return {
        **stored,
        "rows": [{**row, "values": _columns(row)} for row in stored["rows"]],
        "blobs": [_blob(blob) for blob in stored["blobs"]],
        "messages": {
            queue: [{**message, "body": _message(message["body"])} for message in messages]
            for queue, messages in stored["messages"].items()
        },
    }


def _columns(row: Json) -> Json:
    values = {
        name: _json(text, added_to) if name.endswith("_json") and name not in _MAPS else text
        for name, text in row["values"].items()
    }
    return {**values, _COLUMN: "kept", "added_json": json.dumps(ADDED)}


def _blob(blob: Json) -> Json:
    """Add to plan pages, receipts, manifests and chosen results; outputs belong to the user."""
    ours = blob["container"] in ("work", "receipts") and "/out/" not in blob["name"]
    if not blob["name"].endswith(".json") or not (ours or blob["name"].endswith("manifest.json")):
        return blob
    if blob["name"].endswith(("parts.json", "items.json")):
        return blob
    return {**blob, "content": {"text": _json(blob["content"]["text"], added_to)}}


def _message(body: str) -> str:
    """Add to the engine's own messages; those of Event Grid stay as they are."""
    return body if '"eventType"' in body else _json(body, added_to)


def _json(text: str, change: Callable[[object], object]) -> str:
    return json.dumps(change(json.loads(text)))


def added_to(value: object) -> object:
    """Add to an object and to all objects inside, except maps whose keys are data."""
    if isinstance(value, list):
        return [added_to(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    data = ("parameters", "scripts", "tries")
    return {name: v if name in data else added_to(v) for name, v in value.items()} | ADDED


def kept(row: Json) -> bool:
    """Return whether a row still has what a later release wrote there."""
    return row.get(_COLUMN) == "kept" and "added_json" in row


def sent_by_a_later_release() -> RunMessage:
    """Read a message with fields that this release does not know."""
    return parse(
        RunMessage, json.dumps({"step": Step.PLAN, "run": "job-0", "generation": 1, **ADDED})
    )
