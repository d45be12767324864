import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.definitions.stages import TextFormat
from pipeline.domain.outputs.concatenate import MAX_HEADER, AssembleError, concatenate
from tests.unit.domain.quick import quick


def joined(text_format, *parts, chunk=5):
    cut = ([part[at : at + chunk] for at in range(0, len(part), chunk)] for part in parts)
    return b"".join(concatenate(text_format, cut))


@quick
@given(st.lists(st.binary(max_size=20)), st.integers(1, 9))
def test_plain_parts_are_joined_byte_by_byte(parts, chunk):
    assert joined(TextFormat.PLAIN, *parts, chunk=chunk) == b"".join(parts)


@quick
@given(st.lists(st.lists(st.sampled_from([b"{}", b'{"a": 1}']), max_size=4)), st.integers(1, 9))
def test_json_lines_stay_lines_with_and_without_a_final_newline(parts, chunk):
    texts = [b"\n".join(lines) + b"\n" * (n % 2 and bool(lines)) for n, lines in enumerate(parts)]
    found = joined(TextFormat.JSONL, *texts, chunk=chunk)
    assert found == b"".join(line + b"\n" for lines in parts for line in lines)


rows = st.lists(st.lists(st.text('a"\n,é', min_size=1), min_size=2, max_size=2), max_size=4)


@quick
@given(st.lists(rows, min_size=1, max_size=4), st.integers(1, 30))
def test_csv_keeps_every_row_under_one_header(parts, chunk):
    header = ["na\nme", 'va"lue']
    texts = []
    for part in parts:
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator="\n").writerows([header, *part])
        texts.append(stream.getvalue().encode())
    found = joined(TextFormat.CSV, *texts, chunk=chunk).decode()
    read = list(csv.reader(io.StringIO(found, newline="")))
    assert read == [header, *(row for part in parts for row in part)]


def test_csv_parts_may_lack_rows_final_newlines_or_everything():
    parts = [b"", b"a,b\r\n1,2", b"a,b", b"\xef\xbb\xbfa,b\n3,4\n"]
    assert joined(TextFormat.CSV, *parts) == b"a,b\r\n1,2\n3,4\n"


def test_another_csv_header_is_refused():
    with pytest.raises(AssembleError, match=r"part 1 has another CSV header .* 'a,c' instead of"):
        joined(TextFormat.CSV, b"a,b\n", b"a,c\n")


def test_a_csv_header_without_end_is_refused():
    with pytest.raises(AssembleError, match="a CSV header of more than 1 MiB"):
        joined(TextFormat.CSV, b'"' + b"x\n" * MAX_HEADER, chunk=MAX_HEADER)


def test_nothing_makes_nothing():
    assert [joined(text_format) for text_format in TextFormat] == [b"", b"", b""]
