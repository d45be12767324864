"""An input of any size that Blob Storage takes is planned without being read."""

import pytest

from tests.unit.handlers.conftest import BLOB, PLAIN

LINE = b"0" * 4095 + b"\n"
HUGE = 190 << 40  # the largest block blob is 190.7 TiB


class Zeros(bytes):
    """A content of any length that nobody can read whole; a line ends at each 4,096th byte."""

    read = 0

    def __len__(self) -> int:
        return HUGE

    def __getitem__(self, span):
        start, stop, _ = span.indices(HUGE)
        if stop - start > 1 << 20:
            raise AssertionError("a huge input is read")
        type(self).read += stop - start
        before = start % len(LINE)
        lines = LINE * ((stop - start + before) // len(LINE) + 1)
        return lines[before : before + stop - start]


@pytest.mark.parametrize(
    ("split", "items"),
    [
        ("range: {stop: 1000, step: 10}", 100),
        ("grid: {rate: [0.1, 0.2], layers: [1, 2, 3]}", 6),
        ("blobs: {}", 1),
        ("bytes: {bytes_per_item: 1099511627776}", 190),
        ('bytes: {bytes_per_item: 1099511627777, record_end: "\\n"}', 190),
    ],
)
def test_a_split_reads_nothing_of_a_huge_input_but_the_ends_of_records(app_with, split, items):
    app = app_with(f"{BLOB}{PLAIN}split: {{{split}}}\n")
    Zeros.read = 0
    app.upload("lines/a.bin", Zeros())
    app.pump()
    run = app.only_run()
    assert (run.error, run.plan and run.plan.items) == ("", items)
    assert Zeros.read <= items * (1 << 20)


def test_a_text_of_that_size_is_refused_with_what_to_do(app_with):
    app = app_with(f"{BLOB}{PLAIN}split: {{lines: {{}}}}\n")
    app.upload("lines/a.txt", Zeros())
    app.settle()
    assert app.only_run().cause == "plan-failed"
    assert "split it by bytes, which has none" in app.only_run().error
