import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.definitions.stages import Concatenate, TextFormat
from pipeline.domain.outputs.concatenate import AssembleError, Part, concatenate
from tests.unit.domain.quick import quick
from tests.unit.domain.texts.chunks import chunked


def joined(text_format, *parts, chunk=5, **keys):
    how = Concatenate(format=text_format, name="all.txt", **keys)
    given_parts = (Part(f"part {n}", chunked(part, chunk)) for n, part in enumerate(parts))
    return b"".join(concatenate(how, given_parts))


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
    parts = [b"", b"a,b\r\n1,2", b"a,b", b"\n \r\n", b"\xef\xbb\xbfa,b\n3,4\n"]
    assert joined(TextFormat.CSV, *parts) == b"a,b\n1,2\n3,4\n"


def test_a_blank_line_before_the_header_is_no_header():
    assert joined(TextFormat.CSV, b"\na,b\n1,2\n", b"a,b\n\n3,4\n") == b"a,b\n1,2\n3,4\n"


def test_headers_are_compared_by_the_names_of_their_columns():
    assert joined(TextFormat.CSV, b'a,"b"\n1,2\n', b'"a",b\n3,4\n') == b'a,"b"\n1,2\n3,4\n'


def test_columns_in_another_order_are_put_in_the_order_of_the_first_part():
    second = b'c,a,b\n"x,\ny",1,"2"\n'
    assert joined(TextFormat.CSV, b"a,b,c\n", second) == b'a,b,c\n1,"2","x,\ny"\n'


def test_a_table_may_have_another_delimiter_and_no_header():
    parts = b"a;b\nc;d", b"e;f\n"
    assert joined(TextFormat.CSV, *parts, header=False) == b"a;b\nc;d\ne;f\n"
    parts = b"a;b\n1;2\n", b"b;a\n3;4\n"
    assert joined(TextFormat.CSV, *parts, delimiter=";") == b"a;b\n1;2\n4;3\n"


@pytest.mark.parametrize("text_format", [TextFormat.TEXT, TextFormat.CSV])
def test_parts_in_different_encodings_become_one_text_in_utf_8(text_format):
    parts = [
        "n\nä\n".encode(),
        codecs.BOM_UTF8 + "n\nб\n".encode(),
        codecs.BOM_UTF16_LE + "n\nγ\n".encode("utf-16-le"),
    ]
    wanted = "n\nä\nn\nб\nn\nγ\n" if text_format is TextFormat.TEXT else "n\nä\nб\nγ\n"
    assert joined(text_format, *parts).decode() == wanted


def test_the_encoding_of_parts_can_be_named():
    assert joined(TextFormat.TEXT, b"\xe4", encoding="iso-8859-1") == "ä\n".encode()


def test_a_mark_before_json_lines_is_not_data():
    assert joined(TextFormat.JSONL, b"{}", codecs.BOM_UTF8 + b"{}\r\n") == b"{}\n{}\n"


@pytest.mark.parametrize(
    ("text_format", "part", "said"),
    [
        (TextFormat.CSV, b"a,c\n", "part 1: its header lacks 'b' and also has 'c', unlike"),
        (TextFormat.CSV, b"a\n", "its header lacks 'b'"),
        (TextFormat.CSV, b"a,b,b\n", "a name twice"),
        (TextFormat.CSV, b"b,a\n1,2\n3\n", "row at byte 8 has 1 fields, but the header has 2"),
        (TextFormat.CSV, b'a,b\n"1,2\n', "row at byte 4 has a quote that is never closed"),
        (TextFormat.CSV, "a,b\né".encode("latin-1"), "not utf-8: byte 4 is 0xe9"),
        (TextFormat.CSV, "a,b".encode("utf-16-le"), "NUL"),
        (TextFormat.TEXT, "a,b".encode("utf-32"), "utf-32-le, which is not supported"),
        (TextFormat.TEXT, b"a\rb\rc", "convert them to line feeds"),
        (TextFormat.JSONL, b'{"a":\n1}\n', "part 1: the line at byte 0 is not JSON"),
        (TextFormat.JSONL, b"1\n\n[NaN]", "line at byte 3 is not JSON: NaN is not JSON"),
    ],
)
def test_a_part_that_cannot_be_joined_is_named(text_format, part, said):
    first = b"1" if text_format is TextFormat.JSONL else b"a,b\n1,2\n"
    with pytest.raises(AssembleError, match=said):
        joined(text_format, first, part)


def test_a_long_output_comes_in_pieces():
    how = Concatenate(format=TextFormat.TEXT, name="all.txt")
    part = Part("part 0", [b"x" * 999 + b"\n"] * 5000)
    sizes = [len(piece) for piece in concatenate(how, [part])]
    assert sum(sizes) == 5_000_000
    assert max(sizes) < 2_000_000


def test_nothing_makes_nothing():
    assert [joined(text_format) for text_format in TextFormat] == [b"", b"", b"", b""]
