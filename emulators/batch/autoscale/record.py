"""What the service tells of an evaluation: the `autoScaleRun` of a pool."""

from typing import Any

from emulators.batch.autoscale.evaluate import Outcome


def run_record(outcome: Outcome, timestamp: str) -> dict[str, Any]:
    """Write an outcome as the service does."""
    record: dict[str, Any] = {"timestamp": timestamp, "results": outcome.results}
    if outcome.error_code:
        record["error"] = {
            "code": outcome.error_code,
            "message": outcome.error_words,
            "values": [{"name": "Message", "value": outcome.error_detail}],
        }
    return record
