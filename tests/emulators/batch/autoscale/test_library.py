"""The autoscale language as a library: its documented example, its dialects, its command, and
hostile formulas."""

import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulators.batch import autoscale
from emulators.batch.autoscale.__main__ import main
from emulators.batch.autoscale.dialect import (
    Dialect,
    DialectError,
    dialect_table,
    read_dialect,
)
from emulators.batch.autoscale.evaluate import Outcome, Situation, evaluate
from emulators.batch.autoscale.grammar import FormulaSyntaxError, parse
from emulators.batch.autoscale.samples import Samples

NOW = datetime(2030, 1, 6, 3, 4, 5, 678000, UTC)
README = Path(autoscale.__file__).parents[1] / "README.md"
MINUTES = "TimeInterval_Minute"


def run(formula: str, words: str = "", samples: Samples | None = None, **more: object) -> Outcome:
    dialect = read_dialect(words)
    statements = parse(formula, exponents=dialect.exponents)
    situation = Situation(NOW, samples or Samples(), dialect=dialect, **more)
    return evaluate(statements, situation)


def value_of(expression: str, words: str = "", samples: Samples | None = None) -> str:
    outcome = run(f"zz = {expression};", words, samples)
    return outcome.error_detail or outcome.results.rpartition("zz=")[2]


def history(*values: float, words: str = "sample_delay_s=0") -> Samples:
    samples = Samples.under(read_dialect(words))
    for age, value in zip(range(len(values), 0, -1), values, strict=True):
        samples.record(NOW - age * timedelta(seconds=30), {"$PendingTasks": value})
    return samples


def test_the_readme_lists_every_open_point() -> None:
    assert dialect_table() in README.read_text()
    assert read_dialect("") == Dialect()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("sundae=7", "'sundae' is not a setting of the dialect: lazy, case_sensitive"),
        ("sunday=8", "sunday is 7 or 0, not '8'"),
        ("strict", "strict is true or false, not ''"),
        ("year_days=nan", "year_days is 364 to 366, not 'nan'"),
        ("sample_delay_s=-1", "sample_delay_s is 0 to 3600, not '-1'"),
    ],
)
def test_a_dialect_that_makes_no_sense_is_refused(words: str, complaint: str) -> None:
    with pytest.raises(DialectError, match=complaint):
        read_dialect(words)


PENDING = "$PendingTasks.GetSample"


@pytest.mark.parametrize(
    ("words", "expression", "default", "other"),
    [
        ("case_sensitive=false", "MAX(0, timeinterval_day > 1 * TimeInterval_Day)", None, "0"),
        ("lazy=false", "1 || $nothing", "1", "Line 1, Col 11: Undefined symbol: $nothing"),
        ("strict=true", "vec(3) > 2", "1", "Line 1, Col 13: a double is expected, not a doubleVec"),
        ("strict=true", "2 * vec(3)", "[6]", "Line 1, Col 8: double * doubleVec is not defined"),
        (
            "strict=true",
            "(time() - TimeInterval_Day).day",
            "5",
            "Line 1, Col 14: timestamp - timeinterval is not defined",
        ),
        (
            "strict=true",
            "TimeInterval_Day / TimeInterval_Hour",
            "24",
            "Line 1, Col 23: timeinterval / timeinterval is not defined",
        ),
        ("unequal_vectors=shortest", "vec(1, 2) + vec(3)", None, "[4]"),
        ("division_by_zero=error", "1 / 0", "inf", "Line 1, Col 8: division by zero"),
        ("sunday=0", "time().weekday", "7", "0"),
        ("year_days=365", "TimeInterval_Year", "364.00:00:00", "365.00:00:00"),
        ("percentile=lower", "percentile(vec(4, 1, 2), 75)", "3", "2"),
        ("percentile=higher", "percentile(vec(4, 1, 2), 75)", "3", "4"),
        ("percentile=nearest", "percentile(vec(4, 1, 2), 60)", "2.4", "2"),
        ("empty_vector=nan", "avg(vec())", "0", "nan"),
        ("empty_vector=error", "val(vec(), 3)", "0", "Line 1, Col 6: val() of an empty vector"),
        ("interval_format=iso", "TimeInterval_Hour * 36", "1.12:00:00", "P1DT12H"),
        ("extra_functions=false", "ceil(1.5)", "2", "Line 1, Col 6: Undefined symbol: ceil"),
        ("newest_first=false", f"{PENDING}(2)", "[3,2]", "[2,3]"),
        ("range_ends=none", f"{PENDING}({MINUTES} * 1.5, {MINUTES} / 2, 1)", "[2,1]", "[2]"),
        ("range_ends=end", f"{PENDING}({MINUTES} * 1.5, {MINUTES} / 2, 1)", "[2,1]", "[3,2]"),
        ("range_ends=both", f"{PENDING}({MINUTES} * 1.5, {MINUTES} / 2, 1)", "[2,1]", "[3,2,1]"),
    ],
)
def test_each_open_point_can_be_read_otherwise(
    words: str, expression: str, default: str | None, other: str
) -> None:
    samples = history(1, 2, 3)
    found = value_of(expression, "", samples)
    assert found.startswith("Line ") if default is None else found == default
    assert value_of(expression, words, samples) == other


def test_names_that_differ_by_case_are_one_where_case_does_not_matter() -> None:
    formula = "Cap = 2; $targetdedicatednodes = CAP; $NODEDEALLOCATIONOPTION = TaskCompletion;"
    assert run(formula).error_detail == "Line 1, Col 34: Undefined symbol: CAP"
    outcome = run(formula, "case_sensitive=false")
    assert (outcome.dedicated, outcome.option) == (2, "taskcompletion")
    assert outcome.results.endswith("=taskcompletion;Cap=2")


def test_targets_and_options_follow_the_dialect() -> None:
    assert run("$TargetDedicatedNodes = -0.5;", "negative_target=error").error_detail == (
        "$TargetDedicatedNodes cannot be negative"
    )
    quoted = '$NodeDeallocationOption = "terminate";'
    assert run(quoted).option == "terminate"
    assert run(quoted, "quoted_option=false").error_detail == (
        "$NodeDeallocationOption cannot be terminate"
    )
    with pytest.raises(FormulaSyntaxError, match="Line 2, Col 5"):
        parse("a = 1;\nb = 1e3;", exponents=False)


def test_samples_are_late_get_lost_and_are_forgotten_as_the_dialect_says() -> None:
    count = "$PendingTasks.Count()"
    many = [0.0] * 200
    assert value_of(count, "", history(*many, words="")) == "199"
    assert value_of(count, "", history(*many, words="sample_delay_s=300")) == "191"
    half = "sample_delay_s=0,sample_availability=50"
    assert value_of(count, "", history(*many, words=half)) == "100"
    hour = "sample_delay_s=0,sample_retention_s=3600"
    assert value_of(count, "", history(*many, words=hour)) == "120"
    percent = f"$PendingTasks.GetSamplePercent({MINUTES} * 10)"
    assert value_of(percent, "", history(*many, words=half)) == "50"


def test_a_live_sample_is_seen_and_not_kept() -> None:
    samples, live = history(1), {"$PendingTasks": 9.0}
    formula = f"n = {PENDING}(5);"
    assert run(formula, "", samples, live=live).results.endswith("n=[9,1]")
    assert run(formula, "live_samples=false", samples, live=live).results.endswith("n=[1]")
    assert len(samples.rows()) == 1


HOSTILE = {
    "parentheses": "a = " + "(1+" * 2000 + "1" + ")" * 2000,
    "calls": "a = " + "abs(" * 1500 + "1" + ")" * 1500,
    "members": "a = time()" + ".a" * 4000,
    "signs": "a = " + "!" * 8000 + "1",
    "minus": "a = " + "-" * 8000 + "1",
    "sums": "a = 1" + "+1" * 4000,
    "choices": "a = " + "0?1:" * 2000 + "2",
    "conditions": "a = " + "1?" * 1000 + "1" + ":1" * 1000,
    "doubling": "v = vec(1, 2);" + "v = vec(v, v);" * 99,
    "vectors": "v=vec(1,2);" + "v=vec(v,v);" * 13 + "a=v" + "+v" * 3900,
    "deviations": "v=vec(1,2);" + "v=vec(v,v);" * 13 + "a=0" + "+std(v)" * 1100,
    "percentiles": "v=vec(1,2);" + "v=vec(v,v);" * 13 + "a=0" + "+percentile(v,9)" * 480,
    "huge target": "$TargetDedicatedNodes = 1e300;",
    "no number of samples": "$PendingTasks.GetSample(0/0)",
    "endless samples": "$PendingTasks.GetSample(1/0)",
    "no index": "val(vec(1), 0/0)",
    "no percentage": "percentile(vec(1, 2), 0/0)",
    "both infinities": "avg(1/0, -1/0)",
    "beyond the largest number": "a = avg(1e308, 1e308, 1e308)",
    "endless interval": "TimeInterval_Year * (1/0)",
    "no interval": "TimeInterval_Year * (0/0)",
    "far future": "time() + TimeInterval_Year * 1e5",
    "deep past": "$PendingTasks.GetSample(TimeInterval_Year * 1e5)",
    "no time": 'time("0001-01-01T00:00:00+23:59")',
    "odd time": 'time("Sun, 06 Jan 99999999999 01:00:00 +99999999")',
    "most negative": "-(TimeInterval_Day * -999999999)",
    "no member": '"a".hour',
    "unwritable": "a = 1/0; b = 0/0; c = -1/0;",
    "text": "\x00",
    "quote": 'a = "',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_formula_costs_little_and_breaks_nothing(name: str) -> None:
    began = time.process_time()
    try:
        outcome = run(HOSTILE[name], dedicated=3)
    except FormulaSyntaxError as error:
        assert str(error).startswith("Line 1, Col ")
    else:
        assert outcome.dedicated == 3
        assert len(outcome.results) < 1_000_000
    assert time.process_time() - began < 5


def test_the_command_publishes_samples_as_late_as_the_dialect_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formula, samples = tmp_path / "formula.txt", tmp_path / "samples.json"
    formula.write_text("n = max($PendingTasks.GetSample(TimeInterval_Minute, 1));")
    samples.write_text(
        json.dumps(
            [
                {"time": "2030-01-02T03:00:00Z", "$PendingTasks": 4},
                {"time": "2030-01-02T03:00:30Z", "$PendingTasks": 2},
            ]
        )
    )
    flags = [str(formula), "--samples", str(samples), "--time", "2030-01-02T03:00:45Z"]
    assert main([*flags, "--dialect", "sample_delay_s=0"]) == 0
    assert json.loads(capsys.readouterr().out)["results"].endswith(";n=4")
    assert main([*flags, "--dialect", "live_samples=false"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "InsufficientSampleData"
    assert error["values"][0]["value"] == (
        "Line 1, Col 32: Insufficient data from data set: $PendingTasks wanted 1%, received 0%"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a = = 1", "AutoScalingFormulaSyntaxError"),
        ("a=1;" * 101, "AutoScalingFormulaTooLong"),
    ],
)
def test_the_command_names_what_is_wrong_with_a_formula(
    text: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "formula").write_text(text)
    assert main([str(tmp_path / "formula")]) == 2
    assert json.loads(capsys.readouterr().err)["code"] == code


def test_the_help_says_what_the_samples_look_like(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert '"$PendingTasks": 7' in capsys.readouterr().out


def test_a_dialect_is_one_frozen_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dialect().strict = True
