"""Parts in columns are the parts that were put in, item by item."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.outputs.parts import Part, Parts
from pipeline.domain.runs.naming import BlobRef

DIGESTS = st.sampled_from(["", "00" * 32, "ab" * 32])
REFS = st.sampled_from([BlobRef("work", "a"), BlobRef("work", "b"), BlobRef("work", "é")])
PART = st.builds(
    Part,
    item=st.just(0),
    name=st.sampled_from(["x", "ä/y.txt", "名"]),
    ref=REFS,
    size=st.integers(0, 1 << 50),
    sha256=DIGESTS,
    offset=st.none() | st.integers(0, 1 << 50),
)
PUTS = st.lists(st.tuples(st.integers(0, 5), st.lists(PART, max_size=3)), max_size=12)


@given(puts=PUTS)
def test_an_item_has_the_parts_that_it_got_last(puts):
    parts, model = Parts(), dict[int, list[Part]]()
    for item, given_parts in puts:
        model[item] = [replace(part, item=item) for part in given_parts]
        parts.put(item, model[item])
    expected = [part for item in sorted(model) for part in model[item]]
    assert list(parts) == expected
    assert len(parts) == len(expected)


def held(blobs: int) -> float:
    """Return the bytes that one of 20,000 parts takes, if they lie in so many blobs."""
    number = 20_000
    tracemalloc.start()
    parts = Parts()
    for item in range(number):
        ref = BlobRef("work", f"run-1/g1/out/t{item % blobs:06}/x0-{'a' * 32}/o-{'b' * 16}-1")
        parts.put(item, [Part(item, f"{item}.txt", ref, 7, f"{item:064x}", item * 7)])
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(parts) == number
    return taken / number


def test_a_part_takes_about_90_bytes_and_its_blobs_name_if_it_has_one_of_its_own():
    assert held(blobs=1) < 110
    assert held(blobs=20_000) < 220


def test_parts_of_snapshots_or_of_two_containers_are_refused():
    part = Part(0, "x", BlobRef("work", "a"), 1, "")
    with pytest.raises(ValueError, match="cannot be kept"):
        Parts([part, replace(part, ref=BlobRef("output", "a"))])
    with pytest.raises(ValueError, match="cannot be kept"):
        Parts([replace(part, ref=BlobRef("work", "a", "then"))])
