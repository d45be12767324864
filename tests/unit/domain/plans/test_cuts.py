import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.definitions.stages import Concatenate, TextFormat
from pipeline.domain.outputs.concatenate import Part, concatenate
from pipeline.domain.plans import cuts
from pipeline.domain.plans.cuts import Lines, Marks, split_bytes, split_lines, split_rows
from pipeline.domain.plans.split import PlanError
from pipeline.domain.texts import records
from pipeline.domain.texts.fields import Fields
from tests.unit.domain.quick import quick
from tests.unit.domain.texts.chunks import chunked

SIZES = st.integers(1, 9)
VALUES = st.text('a",\n\r é', max_size=5)


def cut(content, items):
    """Cut the items' parts out of the content, as nodes do."""
    return [b"".join(content[start:end] for start, end in item.spans) for item in items]


def joined(text_format, parts):
    how = Concatenate(format=text_format, name="all")
    return b"".join(concatenate(how, [Part(str(n), [part]) for n, part in enumerate(parts)]))


def contents(found):
    return [record.content for record in found]


@quick
@given(st.text("ab\n\r \té", max_size=40), SIZES, SIZES)
def test_lines_that_are_split_and_joined_are_the_lines(text, size, per_item):
    content = f"{text}\nend".encode()
    found = records.lines(chunked(content, size))
    items = list(split_lines(found, Lines(per_item, text="lines", file=True)))
    wanted = contents(records.lines([content]))
    parts = cut(content, items)
    assert contents(records.lines([joined(TextFormat.TEXT, parts)])) == wanted
    assert [contents(records.lines([part])) for part in parts] == [
        item.parameters["lines"].encode().split(b"\n") for item in items
    ]
    assert all(len(item.parameters["lines"].split("\n")) <= per_item for item in items)


@quick
@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=6), SIZES, SIZES, st.booleans())
def test_rows_that_are_split_and_joined_are_the_table(table, size, per_item, header):
    table = [["first", "row"], *(row for row in table if any(v.strip() for v in row)), ["x", "y"]]
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(table)
    content = stream.getvalue().encode()
    fields = Fields()
    items = list(split_rows(records.rows(chunked(content, size), fields), per_item, header=header))
    parts = cut(content, items)
    how = Concatenate(format=TextFormat.CSV, name="all", header=header)
    whole = b"".join(concatenate(how, [Part("p", [part]) for part in parts]))
    assert [fields.values(r.content) for r in records.rows([whole], fields)] == table
    counted = [n for i in items for n in range(i.parameters["start"], i.parameters["end"])]
    assert counted == list(range(len(table) - header))
    assert all(part.startswith(b"first,row\n") for part in parts if header)


@quick
@given(
    st.binary(min_size=1, max_size=60),
    SIZES,
    st.integers(1, 5),
    st.sampled_from([b"", b"\0", b"ab"]),
)
def test_bytes_that_are_split_and_joined_are_the_bytes(content, per_item, window, mark):
    def read(offset, _length):
        return content[offset : offset + window]

    marks = Marks(read, len(content), end=mark)
    items = list(split_bytes(len(content), per_item, marks.at_or_after))
    parts = cut(content, items)
    assert joined(TextFormat.PLAIN, parts) == b"".join(parts) == content
    assert all(len(part) >= per_item for part in parts[:-1])
    assert all(part.endswith(mark) for part in parts[:-1])


def pieces(content, per_item, **mark):
    marks = Marks(lambda at, n: content[at : at + n], len(content), **mark)
    return cut(content, split_bytes(len(content), per_item, marks.at_or_after))


def test_a_record_may_begin_with_a_mark_at_the_beginning_of_a_line():
    content = b">a\nAC>GT\n>b\nA\n>c\nC\n"
    assert pieces(content, 1, start=b">") == [b">a\nAC>GT\n", b">b\nA\n", b">c\nC\n"]
    assert pieces(content, 10, start=b">") == [b">a\nAC>GT\n>b\nA\n", b">c\nC\n"]


def test_a_mark_is_found_where_two_reads_meet(monkeypatch):
    monkeypatch.setattr(cuts, "_WINDOW", 3)
    content = b"abc\n$$$$\ndef\n$$$$\n"
    assert pieces(content, 1, end=b"\n$$$$\n") == [b"abc\n$$$$\n", b"def\n$$$$\n"]


def test_an_item_that_is_no_file_has_no_spans_and_a_file_needs_no_text():
    text = records.lines([b"a\nb\n"])
    assert [(i.parameters, i.spans) for i in split_lines(text, Lines(2))] == [
        ({"lines": "a\nb"}, ())
    ]
    text = records.lines([b"a\nb\n\nc"])
    found = list(split_lines(text, Lines(3, text=None, file=True)))
    assert [(i.parameters, i.spans) for i in found] == [({}, ((0, 4), (5, 6)))]


def test_a_header_can_be_skipped():
    text = records.lines([b"\nname\na\n"])
    found = list(split_lines(text, Lines(1, skip_header=True, text="line")))
    assert [item.parameters for item in found] == [{"line": "a"}]


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (lambda: split_lines(iter(()), Lines(1)), "no lines"),
        (lambda: split_lines(iter(()), Lines(0)), "lines_per_item is 0; it must be at least 1"),
        (lambda: split_rows(records.lines([b"a,b\n"]), 1, header=True), "no rows"),
        (lambda: split_rows(iter(()), -1, header=True), "rows_per_item is -1"),
        (lambda: split_bytes(5, 0, int), "bytes_per_item is 0"),
    ],
)
def test_an_impossible_cut_says_why(split, said):
    with pytest.raises(PlanError, match=said):
        list(split())


def test_a_mark_that_never_comes_is_refused(monkeypatch):
    monkeypatch.setattr(cuts, "MAX_RECORD", 10)
    with pytest.raises(PlanError, match=r"no record ends: is the mark b'#' right\?"):
        pieces(b"x" * (2 << 20), 1, end=b"#")
