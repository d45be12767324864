"""The formula language outside a pool: as a library, and from a shell."""

import doctest
import json
from pathlib import Path

import pytest

from emulators.batch import autoscale
from emulators.batch.autoscale.__main__ import main

TIME = "2030-01-02T03:04:00Z"


def test_the_example_of_the_library_is_true() -> None:
    results = doctest.testmod(autoscale)
    assert results.attempted > 0 and results.failed == 0


def test_a_formula_is_evaluated_for_samples_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f").write_text("$TargetDedicatedNodes = max($PendingTasks.GetSample(1));")
    samples = [
        {"time": "2030-01-02T03:03:30Z", "$PendingTasks": 5},
        {"time": "2030-01-02T03:03:00Z", "$PendingTasks": 9},
    ]
    (tmp_path / "s").write_text(json.dumps(samples))
    assert main([str(tmp_path / "f"), "--samples", str(tmp_path / "s"), "--time", TIME]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["timestamp"] == "2030-01-02T03:04:00.000Z"
    assert record["results"].startswith("$TargetDedicatedNodes=5;")


def test_an_error_of_the_run_is_printed_as_the_service_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f").write_text("x = $Nothing;")
    assert main([str(tmp_path / "f"), "--dedicated", "2", "--option", "terminate"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["error"]["values"][0]["value"] == "Line 1, Col 5: Undefined symbol: $Nothing"
    assert record["results"] == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=terminate"
    )


@pytest.mark.parametrize(
    ("formula", "samples", "reason"),
    [
        ("a = = 1", "[]", "Line 1, Col 5"),
        ("a = 1", "{", "Expecting"),
        ("a = 1", "[3]", "each sample is"),
        ("a = 1", '[{"$PendingTasks": 1}]', "each sample is"),
        ("a = 1", f'[{{"time": "{TIME}", "$PendingTasks": NaN}}]', "is not finite"),
    ],
)
def test_what_cannot_be_evaluated_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], formula: str, samples: str, reason: str
) -> None:
    (tmp_path / "f").write_text(formula)
    (tmp_path / "s").write_text(samples)
    assert main([str(tmp_path / "f"), "--samples", str(tmp_path / "s")]) == 2
    assert reason in capsys.readouterr().err
