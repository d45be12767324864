"""The result of an evaluation as the service shows it: the `autoScaleRun` of a pool."""

from typing import Any

from emulators.batch.autoscale.evaluate import Outcome


def run_record(outcome: Outcome, timestamp: str) -> dict[str, Any]:
    """Write an outcome in the way of the service."""
    record: dict[str, Any] = {"timestamp": timestamp, "results": outcome.results}
    if outcome.error_code:
        record["error"] = {
            "code": outcome.error_code,
            "message": outcome.error_words,
            "values": [{"name": "Message", "value": outcome.error_detail}],
        }
    return record
