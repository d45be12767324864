"""Parts in columns are the parts that were put in, item by item."""

import tracemalloc
from dataclasses import replace

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


def test_a_part_takes_about_90_bytes():
    ref, number = BlobRef("work", "run/g1/out/t000000/o-1"), 20_000
    tracemalloc.start()
    parts = Parts()
    for item in range(number):
        parts.put(item, [Part(item, f"{item}.txt", ref, 7, f"{item:064x}", item * 7)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(parts) == number
    assert held / number < 110
