import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.definitions.stages import Reduction
from pipeline.domain.outputs.concatenate import AssembleError
from pipeline.domain.outputs.reduce import Reducing, exact, reduce_parts
from tests.unit.domain.quick import quick

ALL = {reduction.value: reduction for reduction in Reduction}
samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


def reduced(fields, parts):
    return reduce_parts(fields, [(f"part {number}", part) for number, part in enumerate(parts)])


def moments(values):
    mean = statistics.fmean(values)
    return {"n": len(values), "mean": mean, "m2": sum((v - mean) ** 2 for v in values)}


def test_every_reduction_does_what_its_name_says():
    parts = [{name: value for name in ALL} for value in (3, 1, 2)]
    found = reduced(ALL, parts)
    pooled = found.pop("moments")
    assert found == {"sum": 6, "min": 1, "max": 3, "count": 3, "list": [3, 1, 2], "first": 3}
    assert pooled == pytest.approx(
        {"n": 3, "mean": 2, "m2": 2, "variance": 1, "standard_error": 1 / math.sqrt(3)}
    )


@quick
@given(st.lists(samples, min_size=1, max_size=8))
def test_pooled_moments_are_those_of_all_values_together(groups):
    found = reduced({"x": Reduction.MOMENTS}, [{"x": moments(group)} for group in groups])["x"]
    together = moments([value for group in groups for value in group])
    assert found["n"] == together["n"]
    assert found["mean"] == pytest.approx(together["mean"], rel=1e-9, abs=1e-6)
    assert found["m2"] == pytest.approx(together["m2"], rel=1e-6, abs=1e-3)


@quick
@given(st.permutations([0.1, 1e17, -1e17, 3, 0.7, -0.3]))
def test_a_sum_does_not_show_the_order_of_its_parts(values):
    found = reduced({"x": Reduction.SUM}, [{"x": value} for value in values])
    assert found == {"x": math.fsum(values)}


values = st.integers(-(10**40), 10**40) | st.floats(-1e150, 1e150)


@quick
@given(
    st.lists(st.tuples(values, st.dictionaries(st.sampled_from("ab"), values)), min_size=1),
    st.data(),
)
def test_a_reduction_that_is_kept_and_gone_on_with_has_the_same_bits(parts, data):
    fields = {name: reduction for name, reduction in ALL.items() if name != "moments"}
    fields |= {"keys": Reduction.SUM, "pooled": Reduction.MOMENTS}
    reducing, whole = Reducing(fields), Reducing(fields)
    for number, (value, keys) in enumerate(parts):
        pooled = float(value) % 1e9
        part = dict.fromkeys(fields, value) | {"keys": {"a": keys}, "pooled": pooled}
        for one in (reducing, whole):
            one.add(f"part {number}", part)
        if data.draw(st.booleans()):
            reducing = Reducing(fields, reducing.kept)
    assert repr(reducing.result()) == repr(whole.result())


@quick
@given(st.lists(st.floats(-1e150, 1e150), max_size=300))
def test_a_few_floats_have_exactly_the_sum_of_many(numbers):
    few = exact(numbers)
    assert sum(map(Fraction, few)) == sum(map(Fraction, numbers))
    assert len(few) <= 40


def test_what_is_kept_of_a_sum_does_not_grow_with_the_parts():
    reducing = Reducing({"x": Reduction.SUM})
    for number in range(10_000):
        reducing.add("part", {"x": number / 7})
    assert len(reducing.kept) < 1000


def test_a_sum_of_dictionaries_is_the_sum_of_each_key():
    parts = [{"x": {"a": 1, "b": {"c": 0.5}}}, {"x": {"b": {"c": 2, "d": 10**30}}}, {"x": {}}]
    assert reduced({"x": Reduction.SUM}, parts) == {"x": {"a": 1, "b": {"c": 2.5, "d": 10**30}}}
    assert reduced({"x": Reduction.SUM}, [{"x": {}}]) == {"x": {}}


def test_one_value_has_no_variance():
    found = reduced({"x": Reduction.MOMENTS}, [{"x": 5}])["x"]
    assert (found["variance"], found["standard_error"]) == (None, None)


def test_count_leaves_out_what_is_null():
    assert reduced({"x": Reduction.COUNT}, [{"x": None}, {"x": 0}]) == {"x": 1}


@pytest.mark.parametrize(
    ("reduction", "parts", "said"),
    [
        (Reduction.SUM, [], "no parts"),
        (Reduction.SUM, [{"x": 1}, [1]], "part 1: it is not a JSON object"),
        (Reduction.SUM, [{"x": 1}, {"y": 1}], "part 1: it has no field 'x'"),
        (Reduction.SUM, [{"x": "1"}], "part 0, field 'x': '1' is not a finite number"),
        (Reduction.SUM, [{"x": 1}, {"x": {}}], "part 1, field 'x': it is a dictionary, but"),
        (Reduction.SUM, [{"x": {}}, {"x": 1}], "part 1, field 'x': it is not a dictionary"),
        (Reduction.SUM, [{"x": {"a": {"b": "1"}}}], "key 'a': key 'b': '1' is not a finite"),
        (Reduction.MIN, [{"x": True}], "True is not a finite number"),
        (Reduction.MAX, [{"x": math.nan}], "nan is not a finite number"),
        (Reduction.SUM, [{"x": 10**400}], "is not a finite number"),
        (Reduction.MOMENTS, [{"x": {"n": 1, "mean": 0}}], "moments need n, mean and m2"),
        (Reduction.MOMENTS, [{"x": {"n": 1.5, "mean": 0, "m2": 0}}], "whole number"),
        (Reduction.MOMENTS, [{"x": {"n": 2, "mean": 0, "m2": -1}}], "negative"),
        (
            Reduction.MOMENTS,
            [{"x": {"n": 10**140, "mean": sign * 1e150, "m2": 0}} for sign in (1, -1)],
            "too large",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named(reduction, parts, said):
    with pytest.raises(AssembleError, match=said):
        reduced({"x": reduction}, parts)
