"""Parts out of one pass over a blob, however its bytes come in chunks."""

import pytest

from pipeline.domain.outputs.slices import Slices

CONTENT = bytes(range(256)) * 4


def chunked(size: int):
    return (CONTENT[start : start + size] for start in range(0, len(CONTENT), size))


@pytest.mark.parametrize("size", [1, 7, 256, 5000])
def test_parts_come_as_they_lie_with_gaps_and_empty_ones(size):
    slices = Slices(chunked(size))
    places = [(0, 10), (10, 0), (10, 300), (400, 1), (401, 0), (1000, 24)]
    taken = [b"".join(slices.take(*place)) for place in places]
    assert taken == [CONTENT[offset : offset + length] for offset, length in places]


@pytest.mark.parametrize("read", [0, 1, 3])
def test_what_is_not_read_of_a_part_is_skipped(read):
    slices = Slices(chunked(2), 100)
    part = slices.take(100, 20)
    for _ in range(read):
        next(part)
    assert b"".join(slices.take(130, 5)) == CONTENT[30:35]


def test_a_blob_that_ends_earlier_yields_less():
    slices = Slices([b"abc", b"def"])
    assert b"".join(slices.take(2, 100)) == b"cdef"
    assert b"".join(slices.take(200, 1)) == b""


def test_a_part_that_has_passed_is_an_error():
    slices = Slices([b"abcdef"])
    assert b"".join(slices.take(2, 2)) == b"cd"
    with pytest.raises(ValueError, match="offset 3 has passed"):
        list(slices.take(3, 1))
