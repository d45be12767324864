"""What the guard keeps of a stream; tests of the runner's process cover the rest of the guard."""

import pytest

from task_scripts.runtime.secrecy.runner_capture import Capture


def test_a_short_stream_is_kept_whole() -> None:
    capture = Capture(head=4, tail=4)
    for data in (b"ab", b"cdef", b"gh"):
        capture.add(data)
    assert capture.text() == b"abcdefgh"


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_of_a_long_stream_both_ends_are_kept_and_the_gap_is_named(size: int) -> None:
    stream = bytes(range(97, 123)) * 10
    capture = Capture(head=4, tail=6)
    for begun in range(0, len(stream), size):
        capture.add(stream[begun : begun + size])
    assert capture.text() == b"abcd\n[... 250 bytes left out ...]\nuvwxyz"
