"""The completion event: it always fits a queue, and its counts stay exact when it is shortened."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.announcement import MAX_BYTES, completion_event
from pipeline.domain.runs.run import Run

NOW = datetime(2026, 9, 1, tzinfo=UTC)
WORST = "\N{GRINNING FACE}"  # twelve bytes after JSON has escaped it


def ended(**more):
    return Run.model_validate(
        {
            "id": "job-00000000000000000000",
            "pipeline": "job",
            "state": "failed",
            "origin": {"kind": "request", "key": ("k",), "at": NOW},
            "definition": "{}",
            "pool": "cpu",
            "created_at": NOW,
            "changed_at": NOW,
            **more,
        }
    )


def missing(count, tail):
    return [{"item": n, "cause": "program-failed", "tail": tail} for n in range(count)]


def size(event):
    return len(json.dumps(event).encode())


def test_a_small_event_says_everything():
    event = completion_event(ended(failed=3, error="why"), missing(3, "tail"))
    assert [entry["tail"] for entry in event["data"]["missing"]] == ["tail"] * 3
    assert (event["data"]["missing_total"], event["data"]["error"]) == (3, "why")


@pytest.mark.parametrize("text", ["x", '"', "\x00", "ü", WORST], ids=ascii)
def test_an_event_with_long_tails_names_every_item_and_fits(text):
    event = completion_event(ended(failed=20_000), missing(10_000, text * 500))
    assert size(event) <= MAX_BYTES
    assert len(event["data"]["missing"]) == 100
    assert event["data"]["missing_total"] == 20_000


def test_tails_stay_as_long_as_the_event_can_carry():
    event = completion_event(ended(failed=100), missing(100, "x" * 500))
    assert {len(entry["tail"]) for entry in event["data"]["missing"]} == {200}


def test_an_event_of_the_longest_texts_fits():
    name, long = WORST * 1024, WORST * 4000
    source = {
        "container": "input",
        "name": name,
        "etag": "0x1",
        "size": 1,
        "url": f"https://a.blob.core.windows.net/input/{'%F0%9F%98%80' * 1024}",
        "content_type": long,
    }
    parameters = {f"{'p' * 30}{n:02d}": long for n in range(50)}
    run = ended(input=source, parameters=parameters, error=long, failed=100)
    event = completion_event(run, missing(100, long[:500]))
    assert size(event) <= MAX_BYTES
    assert event["data"]["input"]["name"] == name
    assert event["data"]["error"].startswith(WORST)
    assert set(event["data"]["parameters"]) == set(parameters)
