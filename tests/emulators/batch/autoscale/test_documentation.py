"""The autoscale language by its documentation: grammar, types, functions, samples, errors."""

from datetime import UTC, datetime, timedelta

import pytest

from emulators.batch.autoscale.evaluate import Outcome, Situation, evaluate
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.samples import Samples

NOW = datetime(2030, 1, 2, 3, 4, 5, 678000, UTC)
MINUTE = "TimeInterval_Minute"


def run(formula: str, samples: Samples | None = None) -> Outcome:
    plain = {"$CurrentDedicatedNodes": 4.0, "$TaskSlotsPerNode": 8.0}
    present = Situation(NOW, samples or Samples(), plain, dedicated=4, spot=2)
    return evaluate(parse(formula), present)


def value_of(expression: str, samples: Samples | None = None) -> str:
    outcome = run(f"zz = {expression};", samples)
    return outcome.error_detail or outcome.results.rpartition("zz=")[2]


def tenths(count: int) -> Samples:
    """Return the samples 1, 2, ... every 30 s, the last of them 30 s ago."""
    samples = Samples()
    for number in range(count):
        at = NOW - (count - number) * timedelta(seconds=30)
        samples.record(at, {"$PendingTasks": float(number + 1)})
    return samples


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("2 + 3 * 4 - 6 / 2", "11"),
        ("8 / 2 / 2", "2"),
        ("8 - 2 - 2", "4"),
        ("-2 * -3", "6"),
        ("!1 + 1", "1"),
        ("!!5", "1"),
        ("1 + 1 == 2", "1"),
        ("1 < 2 == 1", "1"),
        ("3 > 2 > 1", "0"),
        ("0 == 0 && 0 || 1", "1"),
        ("1 || 1 && 0", "1"),
        ("1 ? 0 ? 1 : 2 : 3", "2"),
        ("0 ? 1 : 0 ? 2 : 3", "3"),
        ("(0 ? 1 : 2) + 1", "3"),
        ("5 && 0.1", "1"),
        ("0 ? $nothing : 1", "1"),
        ("1 || $nothing", "1"),
        ("0 && $nothing", "0"),
        ("0.5 + .5", "1"),
        ("600.0", "600"),
        ("1234567", "1.23457e+06"),
        ("0.00001", "1e-05"),
        ('"a" < "b"', "1"),
        ('"a" == "a"', "1"),
        ("requeue == $NodeDeallocationOption", "1"),
        ("vec(4, 6) / vec(2, 3)", "[2,2]"),
        ("vec(4, 6) - 1", "[3,5]"),
        ("-(TimeInterval_Hour) + TimeInterval_Day", "23:00:00"),
        ("-TimeInterval_Hour", "-01:00:00"),
        ("TimeInterval_Millisecond / 2", "00:00:00.0005000"),
        ("TimeInterval_Zero", "00:00:00"),
        ("TimeInterval_Week / 7 == TimeInterval_Day", "1"),
        ("time() - time() == TimeInterval_Zero", "1"),
        ("(time() + -1 * TimeInterval_Day).day", "1"),
        ("time().year * 100 + time().month", "203001"),
        ("time().minute + time().second / 100", "4.05"),
        ("time().weekday", "3"),
        ('time("2030-06-30").day', "30"),
        ('time("2030-06-30T23:30:00.5+02:00").hour', "21"),
        ('time("Sun, 30 Jun 2030 23:30:00 GMT").weekday', "7"),
        ("lg(8) + ln(1) + log(100)", "5"),
        ("log(vec(1, 10))", "[0,1]"),
        ("lg(vec(2), 4)", "[1,2]"),
        ("len(vec(1), 2, vec(3, 4))", "4"),
        ("std(vec(2), 4)", "1.41421"),
        ("std(5)", "0"),
        ("norm(vec(3), vec(4))", "5"),
        ("range(vec(9, 2), 4)", "7"),
        ("sum(vec(1, 2), 3)", "6"),
        ("percentile(vec(1, 2, 3, 4, 5), 90)", "4.6"),
        ("percentile(vec(5, 1), 100) - percentile(vec(5, 1), 0)", "4"),
        ("rand() < 1 && rand() >= 0", "1"),
        ("round(vec(0.5, -0.5, 1.4))", "[1,-1,1]"),
        ("floor(-1.5) + ceil(-1.5)", "-3"),
        ("min(4, vec())", "4"),
        ("$TargetDedicatedNodes + $TargetLowPriority", "6"),
        ("$CurrentDedicated * $TaskSlotsPerNode", "32"),
        ("7 // to the end; of the line\n + 1 // and again\n", "8"),
        ('time("2030-01-01T00:00:00Z") // "text"\n', "2030-01-01T00:00:00.000Z"),
    ],
)
def test_expressions_have_their_values(expression: str, written: str) -> None:
    assert value_of(expression) == written


@pytest.mark.parametrize(
    "text",
    ["a = 1\nb = 2", "+1", "a += 1", "a++", "2 ^ 3", "7 % 2", "[1]", "/* a */ a = 1", "a = 1 ? 2"],
)
def test_what_the_language_lacks_is_a_syntax_error(text: str) -> None:
    with pytest.raises(FormulaSyntaxError, match=r"^Line \d+, Col \d+: syntax error"):
        parse(text)


@pytest.mark.parametrize("text", ["", ";;", "a = 1", "a = 1;", "max(1, 2);", "// nothing"])
def test_the_last_semicolon_and_whole_statements_may_be_missing(text: str) -> None:
    assert run(text).error_code == ""


def test_a_formula_has_8192_characters_and_100_statements_at_most() -> None:
    assert run("a = 1;" + " " * 8186).error_code == ""
    assert run("a = 1;" * 100).error_code == ""
    for text in ("a = 1;" + " " * 8187, "a = 1;" * 101):
        with pytest.raises(FormulaTooLong):
            parse(text)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("$Nothing", "Col 6: Undefined symbol: $Nothing"),
        ("1 + nothing(1)", "Col 10: Undefined symbol: nothing"),
        ('1 + "a"', "Col 8: double + string is not defined"),
        ("time() * 2", "Col 13: timestamp * double is not defined"),
        ("time() + time()", "Col 13: timestamp + timestamp is not defined"),
        ("vec(1, 2) ? 1 : 2", "Col 6: a double is expected, not a doubleVec"),
        ("-vec(1, 2)", "Col 6: a double is expected, not a doubleVec"),
        ("max(time())", "Col 6: a double is expected, not a timestamp"),
        ("val(vec(1, 2), 2)", "Col 6: val(): index 2 is outside a vector of 2"),
        ("val(vec(1))", "Col 6: val() does not take 1 arguments"),
        ("stop(1)", "Col 6: stop() does not take 1 arguments"),
        ('time("soon")', 'Col 6: time("soon") is not a time'),
        ("time().era", "Col 13: a timestamp has no member era"),
        ("$PendingTasks.Sample(1)", "Col 20: $PendingTasks has no method Sample"),
        ("(1).Count()", "Col 10: only sampled variables have the method Count"),
        ("TimeInterval_Day / 0", "Col 23: timeinterval / double is not defined"),
    ],
)
def test_an_error_says_where_and_what(expression: str, complaint: str) -> None:
    assert value_of(expression) == f"Line 1, {complaint}"


def test_nesting_is_computed_as_deep_as_it_is_read() -> None:
    assert value_of("(0 || (1 && " * 49 + "1" + "))" * 49) == "1"
    assert value_of("max(" * 49 + "1" + ")" * 49) == "1"
    with pytest.raises(FormulaSyntaxError, match="nested too deeply"):
        parse("max(" * 60 + "1" + ")" * 60)


def test_a_variable_with_a_dollar_is_another_one() -> None:
    assert run("x = 1; $x = 2; X = 3;").results.endswith(";$x=2;X=3;x=1")


def test_the_full_name_wins_over_its_alias_in_either_order() -> None:
    assert run("$TargetDedicated = 7;").dedicated == 7
    assert run("$TargetDedicated = 7; $TargetDedicatedNodes = 8;").dedicated == 8
    assert run("$TargetDedicatedNodes = 8; $TargetDedicated = 7;").dedicated == 8
    assert run("$TVMDeallocationOption = taskcompletion;").option == "taskcompletion"


def test_a_target_is_read_back_untruncated_and_kept_where_it_is_not_assigned() -> None:
    outcome = run("$TargetDedicatedNodes = 2.9; x = $TargetDedicatedNodes * 10;")
    assert (outcome.dedicated, outcome.spot) == (2, 2)
    assert outcome.results.endswith("x=29")


@pytest.mark.parametrize(
    "formula",
    [
        "$TargetDedicatedNodes = vec(1, 2);",
        "$TargetLowPriorityNodes = 1 / 0;",
        "$TargetDedicatedNodes = time();",
        "$NodeDeallocationOption = 1;",
        '$NodeDeallocationOption = "never";',
        "$PendingTasks = 3;",
    ],
)
def test_assignments_that_make_no_sense_fail_and_change_nothing(formula: str) -> None:
    outcome = run(f"$TargetLowPriorityNodes = 9; {formula}")
    assert outcome.error_code == "AutoScalingFormulaEvaluationError"
    assert (outcome.dedicated, outcome.spot, outcome.option) == (4, 2, "requeue")
    assert outcome.results == (
        "$TargetDedicatedNodes=4;$TargetLowPriorityNodes=2;$NodeDeallocationOption=requeue"
    )


PENDING = "$PendingTasks.GetSample"


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (f"{PENDING}(3)", "[10,9,8]"),
        (f"{PENDING}(0)", "[]"),
        (f"{PENDING}({MINUTE})", "[10,9]"),
        (f"{PENDING}({MINUTE}, {MINUTE} * 2)", "[8,7]"),
        (f"{PENDING}({MINUTE} * 2, {MINUTE})", "[8,7]"),
        (f"{PENDING}({MINUTE} * 2, {MINUTE}, 100)", "[8,7]"),
        (f"{PENDING}(time() + -1 * {MINUTE}, time())", "[10,9]"),
        (f"{PENDING}(time() - {MINUTE} * 2, {MINUTE})", "[8,7]"),
        (f"len({PENDING}({MINUTE} * 10, 50))", "10"),
        (f"$PendingTasks.GetSamplePercent({MINUTE} * 10)", "50"),
        (f"$PendingTasks.GetSamplePercent({MINUTE} * 6, {MINUTE} * 4)", "50"),
        (f"$RunningTasks.GetSamplePercent({MINUTE} * 5)", "100"),
        ("$PendingTasks.GetSamplePeriod()", "00:00:30"),
        ("$PendingTasks.Count()", "10"),
        ("$PendingTasks.HistoryBeginTime()", "2030-01-02T02:59:05.678Z"),
        (f"val({PENDING}(1), 0) + $PendingTasks", "20"),
    ],
)
def test_samples_are_asked_for_in_every_form(expression: str, written: str) -> None:
    assert value_of(expression, tenths(10)) == written


FEW = "Insufficient data from data set: $PendingTasks wanted"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (f"{MINUTE} * 8", f"{FEW} 70%, received 62.5%"),
        (f"{MINUTE} * 8, 63", f"{FEW} 63%, received 62.5%"),
        (f"{MINUTE} * 9, {MINUTE}, 60", f"{FEW} 60%, received 50%"),
        ("1, 2", "$PendingTasks: a timestamp or a timeinterval is expected, not a double"),
        ("", "$PendingTasks.GetSample() does not take 0 arguments"),
        (
            f"{MINUTE}, {MINUTE}, {MINUTE}",
            "$PendingTasks.GetSample() takes a percentage as its third argument",
        ),
    ],
)
def test_a_refused_question_says_why_at_its_parenthesis(arguments: str, complaint: str) -> None:
    assert value_of(f"{PENDING}({arguments})", tenths(10)) == f"Line 1, Col 29: {complaint}"
