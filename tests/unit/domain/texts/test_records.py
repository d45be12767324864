import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.texts import records
from pipeline.domain.texts.encodings import TextUnreadable, opened
from pipeline.domain.texts.fields import Fields
from tests.unit.domain.quick import quick
from tests.unit.domain.texts.chunks import chunked

COMMA = Fields()
VALUES = st.text("a\";\n\r ,é'", max_size=5)
TABLES = st.lists(st.lists(VALUES, min_size=2, max_size=3), max_size=5)


def lines(content, size=3):
    return list(records.lines(chunked(content, size)))


def rows(content, size=3, fields=COMMA):
    return list(records.rows(chunked(content, size), fields))


@quick
@given(st.text("ab\n\r \tü\ufeff\x0c\u2028", max_size=40), st.integers(1, 7))
def test_lines_and_what_is_between_them_are_the_whole_text(text, size):
    content = f"{text}\nend\n".encode()
    found = lines(content, size)
    wanted = [line.rstrip("\r") for line in text.split("\n") if line.strip("\r \t\x0c")]
    assert [record.content.decode() for record in found] == [*wanted, "end"]
    left = content
    for record in reversed(found):
        assert content[record.start : record.end].rstrip(b"\r\n") == record.content.rstrip(b"\r")
        left = left[: record.start] + left[record.end :]
    assert left.strip() == b""


def test_the_last_line_may_lack_its_end():
    assert [(r.start, r.end, r.content) for r in lines(b"a\r\n\n \t\nbc")] == [
        (0, 3, b"a"),
        (7, 9, b"bc"),
    ]


@quick
@given(TABLES, st.integers(1, 20), st.sampled_from(["\n", "\r\n"]))
def test_rows_are_those_that_were_written(table, size, end):
    table = [row for row in table if any(value.strip() for value in row)]
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=end).writerows(table)
    found = rows(stream.getvalue().encode(), size)
    assert [COMMA.values(row.content) for row in found] == table


@pytest.mark.parametrize(
    ("row", "values"),
    [
        (b'5" pipe,a"b', ['5" pipe', 'a"b']),
        (b'"a""b",""', ['a"b', ""]),
        (b'"a"b,c', ["ab", "c"]),
        (b' "a" ,b', [' "a" ', "b"]),
        (b",", ["", ""]),
        ('é,"ü"'.encode(), ["é", "ü"]),
    ],
)
def test_a_quote_counts_only_where_a_field_begins(row, values):
    (found,) = rows(row + b"\n")
    assert COMMA.values(found.content) == values


def test_delimiter_and_quote_may_be_others_or_none():
    semicolons = Fields(b";", b"'")
    (row,) = rows(b"'a;\nb';c\n", fields=semicolons)
    assert semicolons.values(row.content) == ["a;\nb", "c"]
    tabs = Fields(b"\t", b"")
    assert [tabs.values(row.content) for row in rows(b'"a\tb"\n"\n', fields=tabs)] == [
        ['"a', 'b"'],
        ['"'],
    ]


def test_a_quote_that_is_never_closed_is_refused():
    with pytest.raises(TextUnreadable, match="row at byte 4 has a quote that is never closed"):
        rows(b'a,b\n"c,d\ne,f\n')


@pytest.mark.parametrize("content", [b"x" * 200, b'"' + b"x\n" * 100])
def test_a_record_without_end_is_refused(content, monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORD", 100)
    with pytest.raises(TextUnreadable, match="record at byte 0 is longer than 100 bytes"):
        rows(content, 10)


def test_carriage_returns_alone_end_no_line_and_a_text_of_them_is_refused():
    assert [r.content for r in lines(b"a\rb\nc")] == [b"a\rb", b"c"]
    assert [r.content for r in lines(b"a\r")] == [b"a"]
    with pytest.raises(TextUnreadable, match="convert them to line feeds"):
        lines(b"a\rb\rc\r")


def test_places_count_from_the_first_byte_after_the_mark():
    text = opened([b"\xef\xbb\xbfa\nb\n"])
    assert [(r.start, r.end) for r in records.lines(text.utf8(), text.start)] == [(3, 5), (5, 7)]
