import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.runs.progress import CHUNK_BITS, CHUNK_BYTES, Bitmap, chunk_of
from tests.unit.domain.quick import quick

numbers = st.sets(st.integers(0, 3 * CHUNK_BITS), max_size=40)


@quick
@given(numbers, numbers)
def test_a_union_is_the_union_of_sets(left, right):
    both = Bitmap.of(left).union(Bitmap.of(right))
    assert set(both) == left | right
    assert both.count() == len(left | right)
    assert both == Bitmap.of(left | right)


@quick
@given(numbers)
def test_setting_a_number_twice_changes_nothing(found):
    assert Bitmap.of(found).with_numbers(found) == Bitmap.of(found)


@quick
@given(numbers, numbers)
def test_chunks_of_several_writers_unite_to_the_whole(left, right):
    stored = [*Bitmap.of(left).chunks().items(), *Bitmap.of(right).chunks().items()]
    assert all(len(data) <= CHUNK_BYTES for _, data in stored)
    assert set(Bitmap.from_chunks(stored)) == left | right


@quick
@given(st.integers(0, 300), st.sets(st.integers(0, 400)))
def test_complete_means_that_nothing_is_missing(total, found):
    bitmap = Bitmap.of(found)
    assert bitmap.missing(total) == sorted(set(range(total)) - found)
    assert bitmap.is_complete(total) == (not bitmap.missing(total))


def test_a_million_tasks_fit_in_31_chunks():
    everything = Bitmap(b"\xff" * 125_000)
    assert everything.is_complete(1_000_000)
    assert len(everything.chunks()) == 31
    assert chunk_of(999_999) == 30


def test_a_chunk_that_is_too_long_does_not_spill_into_its_neighbour():
    assert Bitmap.from_chunks([(0, bytes(CHUNK_BYTES) + b"\xff")]).count() == 0


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="not a task number"):
        Bitmap.of([-1])
    assert -1 not in Bitmap(b"\xff")
