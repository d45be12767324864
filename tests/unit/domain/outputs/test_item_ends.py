"""Of a million items the engine keeps how each ended, and of some failures more."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.outputs.item_ends import ItemEnds, KeptEnds
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.results import ItemOutcome, ItemOutput, ItemResult

OUTPUT = ItemOutput(name="x", blob="o-1", size=1)


def failure(item: int, cause: Cause | None = Cause.TIMED_OUT, **more) -> ItemResult:
    return ItemResult(id=item, outcome=ItemOutcome.FAILED, cause=cause, **more)


def success(item: int, **more) -> ItemResult:
    return ItemResult(id=item, outcome=ItemOutcome.SUCCEEDED, **more)


RESULTS = st.lists(
    st.builds(failure, st.integers(0, 6), st.sampled_from([None, Cause.TIMED_OUT, Cause.NODE_LOST]))
    | st.builds(success, st.integers(0, 6), outputs=st.sampled_from([(), (OUTPUT,)])),
    max_size=20,
)


@given(results=RESULTS)
def test_the_last_end_counts_but_no_failure_replaces_a_success(results):
    ends, model = ItemEnds(), dict[int, ItemResult]()
    for result in results:
        ends.add(result)
        if result.succeeded or result.id not in model or not model[result.id].succeeded:
            model[result.id] = result
    failed = [model[item] for item in sorted(model) if not model[item].succeeded]
    well = [result for result in model.values() if result.succeeded]
    assert list(ends.failures()) == failed
    assert ends.causes == Counter(result.cause for result in failed)
    assert (ends.successes, ends.without_output) == (
        len(well), sum(not result.outputs for result in well),
    )  # fmt: skip
    assert [n for n in range(9) if ends.succeeded(n)] == sorted(result.id for result in well)
    empty = sorted(result.id for result in well if not result.outputs)
    assert [n for n in range(9) if ends.is_empty(n)] == empty
    for cause in ends.causes:
        assert ends.first(cause) == next(result for result in failed if result.cause is cause)


def test_of_more_failures_than_are_kept_the_cause_is_known():
    ends = ItemEnds(detailed=2)
    for item in range(5):
        ends.add(failure(item, tail=f"words of {item}"))
    assert [result.tail for result in ends.failures()] == ["words of 0", "words of 1", "", "", ""]
    assert {result.cause for result in ends.failures()} == {Cause.TIMED_OUT}


def test_the_first_failure_of_a_cause_keeps_all_of_its_words():
    ends = ItemEnds(detailed=1)
    ends.add(failure(0, Cause.NODE_LOST, tail="x" * 2000))
    ends.add(failure(1, Cause.TIMED_OUT, tail="y" * 2000))
    ends.add(failure(2, Cause.TIMED_OUT, tail="z" * 2000))
    assert ends.first(Cause.TIMED_OUT).tail == "y" * 2000


def test_when_the_first_failure_of_a_cause_succeeded_later_the_next_one_is_first():
    ends = ItemEnds()
    for item in range(3):
        ends.add(failure(item, tail=f"words of {item}"))
    ends.add(success(0))
    assert ends.first(Cause.TIMED_OUT).id == 1
    assert ends.first(Cause.TIMED_OUT).tail == "words of 1"


def test_peaks_are_those_of_all_executions():
    ends = ItemEnds()
    ends.add(failure(0, memory=9, disk=1))
    ends.add(success(0, memory=3, disk=4))
    assert (ends.peak_memory, ends.peak_disk) == (9, 4)


@given(results=RESULTS, at=st.integers(0, 20))
def test_ends_go_on_from_what_was_kept(results, at):
    whole, first = ItemEnds(), ItemEnds()
    for result in results:
        whole.add(result)
    for result in results[:at]:
        first.add(result)
    then = ItemEnds.of(KeptEnds.model_validate_json(first.kept.model_dump_json()))
    for result in results[at:]:
        then.add(result)
    assert then.kept == whole.kept
    assert list(then.failures()) == list(whole.failures())
    assert all(then.first(cause) == whole.first(cause) for cause in whole.causes)


def test_causes_that_a_later_release_puts_elsewhere_keep_their_meaning():
    ends = ItemEnds()
    ends.add(failure(0, Cause.NODE_LOST))
    ends.add(failure(1, Cause.TIMED_OUT))
    before = ends.kept
    swapped = {Cause.NODE_LOST: Cause.TIMED_OUT, Cause.TIMED_OUT: Cause.NODE_LOST}
    there = tuple(swapped.get(cause, cause) for cause in before.causes)
    found = ItemEnds.of(before.model_copy(update={"causes": there, "failures": ()}))
    assert [item.cause for item in found.failures()] == [Cause.TIMED_OUT, Cause.NODE_LOST]
