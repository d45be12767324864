"""The autoscale language: values, operators, samples, results and errors, without any pool."""

from datetime import UTC, datetime, timedelta

import pytest

from emulators.batch.autoscale.dialect import Dialect, read_dialect
from emulators.batch.autoscale.evaluate import Outcome, Situation, evaluate
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.samples import Samples

NOW = datetime(2030, 1, 6, 3, 4, 5, 678000, UTC)


def run(formula: str, samples: Samples | None = None, **plain: float) -> Outcome:
    known = {f"${name}": value for name, value in plain.items()}
    return evaluate(parse(formula), Situation(NOW, samples or Samples(), known, dedicated=1))


def value_of(expression: str, samples: Samples | None = None) -> str:
    outcome = run(f"zz = {expression};", samples)
    return outcome.results.rpartition("zz=")[2] if not outcome.error_code else outcome.error_detail


def history(*values: float, period_s: int = 30) -> Samples:
    samples = Samples()
    for age, value in zip(range(len(values) - 1, -1, -1), values, strict=True):
        samples.record(NOW - timedelta(seconds=age * period_s), {"$PendingTasks": value})
    return samples


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("1 + 2 * 3", "7"),
        ("-2 * 3", "-6"),
        ("(1 + 2) / 4", "0.75"),
        ("290 / 3", "96.6667"),
        ("1 < 2 && !0", "1"),
        ("1 > 2 || 0", "0"),
        ("0 ? 1 : 2 > 1 ? 5 : 6", "5"),
        ("1 / 0 > 100", "1"),
        ("vec(1, 2, 3) * 2", "[2,4,6]"),
        ("vec(1, 2) + vec(3, 4)", "[4,6]"),
        ("vec()", "[]"),
        ("max(0, vec())", "0"),
        ("avg(vec(1, 2), 7)", "3.33333"),
        ("std(1, 2, 3, 4)", "1.29099"),
        ("norm(3, 4)", "5"),
        ("range(4, 1, 9)", "8"),
        ("len(1, vec(2, 3))", "3"),
        ("percentile(vec(1, 2, 3, 4), 50)", "2.5"),
        ("val(vec(5, 6), 1)", "6"),
        ("val(vec(), 0)", "0"),
        ("ceil(0.125)", "1"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("lg(8)", "3"),
        ("ln(vec(1))", "[0]"),
        ("time()", "2030-01-06T03:04:05.678Z"),
        ("time().weekday", "7"),
        ("time().hour * 2", "6"),
        ('time() < time("2030-01-06T04:00:00Z") ? 3 : 0', "3"),
        ('time() < time("Sun, 06 Jan 2030 01:00:00 GMT") ? 3 : 0', "0"),
        ("TimeInterval_Hour * 36", "1.12:00:00"),
        ("(TimeInterval_Hour / 2) == TimeInterval_Minute * 30", "1"),
        ("TimeInterval_Day + time() > time()", "1"),
        ("1 // a comment ; not a statement", "1"),
        ("1e2", "100"),
    ],
)
def test_expressions_have_their_values(expression: str, written: str) -> None:
    assert value_of(f"{expression}\n") == written


def test_targets_are_truncated_and_never_negative() -> None:
    assert run("$TargetDedicatedNodes = 2.9").dedicated == 2
    assert run("$TargetDedicatedNodes = -3").dedicated == 0
    assert run("$TargetLowPriorityNodes = 4; $TargetLowPriority = 9;").spot == 4
    assert run("a = 1;").dedicated == 1


def test_results_are_ordered_and_formatted_as_the_service_does() -> None:
    outcome = run("cap = 3; $seen = 96.66666; $ratio = 1/2; $TargetDedicatedNodes = cap;")
    assert outcome.results == (
        "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;"
        "$ratio=0.5;$seen=96.6667;cap=3"
    )


@pytest.mark.parametrize(
    "text", ["a = ", "a = 1 b = 2", "(1", "a == = 2", "1 % 2", "x = 'a'", "1 2"]
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(FormulaSyntaxError, match=r"Line \d+, Col \d+"):
        parse(text)


def test_limits_of_length_are_kept() -> None:
    for text in ("a=1;" * 101, "a = " + "1" * 8200):
        with pytest.raises(FormulaTooLong):
            parse(text)


def test_errors_say_where_and_change_nothing() -> None:
    outcome = run("$TargetDedicatedNodes = 9;\nx = $nothing + 1;")
    assert (outcome.error_code, outcome.dedicated) == ("AutoScalingFormulaEvaluationError", 1)
    assert outcome.error_detail == "Line 2, Col 5: Undefined symbol: $nothing"
    assert outcome.results.startswith("$TargetDedicatedNodes=1;")


@pytest.mark.parametrize(
    "wrong", ["time() - 1", "vec(1,2) > 1", "vec(1,2) + vec(1)", '"a" + 1', "foo(1)", "1/0"]
)
def test_operations_outside_the_table_are_errors(wrong: str) -> None:
    assert (
        run(f"$TargetDedicatedNodes = {wrong};").error_code == "AutoScalingFormulaEvaluationError"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "vec(1, 1);" + "x = vec(x, x);" * 90,
        "TimeInterval_Year * (0 / 0)",
        "TimeInterval_Year / (0 / 0)",
        "TimeInterval_Year * 1e300 + time()",
        "$PendingTasks.GetSample(0 / 0)",
        "$PendingTasks.GetSample(1e400)",
        "val(vec(1), 1e400)",
        "percentile(vec(1, 2), 0 / 0)",
        "0; $TargetDedicatedNodes = 1e300",
        "0; $TargetDedicatedNodes = sum(1e400, -1e400)",
    ],
)
def test_hostile_formulas_are_evaluation_errors_and_cost_little(hostile: str) -> None:
    outcome = run(f"x = {hostile};")
    assert (outcome.error_code, outcome.dedicated) == ("AutoScalingFormulaEvaluationError", 1)


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("sum(1e308, 1e308)", "inf"),
        ("avg(1e400, 1)", "inf"),
        ("std(1e400, 1)", "inf"),
        ("std(1e308, -1e308)", "1.41421e+308"),
    ],
)
def test_sums_keep_to_ieee_arithmetic(expression: str, written: str) -> None:
    assert value_of(expression) == written


def test_stop_keeps_what_was_assigned_before_it() -> None:
    assert run("$TargetDedicatedNodes = 5; stop(); $TargetDedicatedNodes = 7;").dedicated == 5


def test_samples_come_newest_first_and_by_count_never_fail() -> None:
    samples = history(1, 2, 3)
    assert value_of("$PendingTasks.GetSample(2)", samples) == "[3,2]"
    assert value_of("$PendingTasks.GetSample(99)", samples) == "[3,2,1]"
    assert value_of("max(0, $PendingTasks.GetSample(1))") == "0"


def test_a_window_without_enough_samples_fails_at_the_default_of_seventy_percent() -> None:
    outcome = run("\nx = $PendingTasks.GetSample(TimeInterval_Minute * 5);", history(1, 2, 3, 4, 5))
    assert outcome.error_code == "InsufficientSampleData"
    assert outcome.error_detail.endswith("$PendingTasks wanted 70%, received 50%")
    assert "Line 2, Col 28" in outcome.error_detail
    assert (
        value_of(
            "len($PendingTasks.GetSample(TimeInterval_Minute * 5, 40))", history(1, 2, 3, 4, 5)
        )
        == "5"
    )


def test_the_arm_that_is_not_chosen_is_not_evaluated() -> None:
    assert value_of("0 ? max($PendingTasks.GetSample(TimeInterval_Hour)) : 4") == "4"
    assert (
        value_of("$PendingTasks.GetSamplePercent(TimeInterval_Minute * 5)", history(*[0] * 10))
        == "100"
    )


def test_the_recommended_shape_works_with_and_without_samples() -> None:
    shape = """
        cap = 20; slots = $TaskSlotsPerNode;
        enough = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 10) >= 70;
        last = max(0, $PendingTasks.GetSample(1));
        load = enough ? max(last, avg($PendingTasks.GetSample(TimeInterval_Minute * 10))) : last;
        idle = enough ? (max($PendingTasks.GetSample(TimeInterval_Minute * 10)) < 1) : (last < 1);
        want = idle ? 0 : ceil(load / slots);
        $TargetDedicatedNodes = max(0, min(cap, want));
        $NodeDeallocationOption = taskcompletion;
    """
    assert run(shape, TaskSlotsPerNode=4.0).dedicated == 0
    assert run(shape, history(9), TaskSlotsPerNode=4.0).dedicated == 3
    assert run(shape, history(*[8] * 20, 0), TaskSlotsPerNode=4.0).dedicated == 2
    assert run(shape, history(*[0] * 20), TaskSlotsPerNode=4.0).dedicated == 0
    assert run(shape, history(*[900] * 20), TaskSlotsPerNode=4.0).option == "taskcompletion"


@pytest.mark.parametrize(
    ("dialect", "expression", "usual", "otherwise"),
    [
        ("lazy=false", "1 || $nothing", "1", "Undefined symbol: $nothing"),
        ("lazy=false", "0 || 1", "1", "1"),
        ("lazy=false", "1 && 0", "0", "0"),
        ("strict=true", "vec(3) > 2", "1", "a double is expected, not a doubleVec"),
        ("strict=true", "len(2 * vec(1))", "1", "double * doubleVec is not defined"),
        ("strict=true", "TimeInterval_Day * 2", "2.00:00:00", "2.00:00:00"),
        ("sunday=0", "time().weekday", "7", "0"),
        ("year_days=365", "TimeInterval_Year", "364.00:00:00", "365.00:00:00"),
        ("newest_first=false", "$PendingTasks.GetSample(2)", "[3,2]", "[2,3]"),
    ],
)
def test_open_points_of_the_language_are_choices(
    dialect: str, expression: str, usual: str, otherwise: str
) -> None:
    for choice, wanted in (("", usual), (dialect, otherwise)):
        situation = Situation(NOW, history(1, 2, 3), dialect=read_dialect(choice))
        outcome = evaluate(parse(f"zz = {expression};"), situation)
        assert (outcome.error_detail or outcome.results).endswith(wanted)


def test_a_negative_target_may_be_an_error() -> None:
    strict = Situation(NOW, dedicated=1, dialect=Dialect(negative_target="error"))
    outcome = evaluate(parse("$TargetDedicatedNodes = -3"), strict)
    assert (outcome.error_detail, outcome.dedicated) == (
        "$TargetDedicatedNodes cannot be negative",
        1,
    )


@pytest.mark.parametrize("wrong", ["colour=red", "sunday=3", "lazy", "year_days=nan"])
def test_a_dialect_that_is_none_is_refused_with_the_choices(wrong: str) -> None:
    with pytest.raises(
        ValueError, match=r" is (not a setting of the dialect: lazy|.* or |364 to )"
    ):
        read_dialect(wrong)
