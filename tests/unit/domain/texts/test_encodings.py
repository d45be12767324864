import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.texts.encodings import ENCODINGS, TextUnreadable, opened
from tests.unit.domain.quick import quick
from tests.unit.domain.texts.chunks import chunked

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
TEXTS = st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]))


def read(content, encoding=None, size=3):
    return b"".join(opened(chunked(content, size), encoding).utf8()).decode()


@quick
@given(TEXTS, st.sampled_from([*MARKS]), st.integers(1, 9))
def test_a_byte_order_mark_tells_the_encoding_and_is_not_data(text, encoding, size):
    content = MARKS[encoding] + text.encode(encoding)
    assert read(content, size=size) == text
    assert read(content, encoding, size) == text


@quick
@given(TEXTS, st.integers(1, 9))
def test_a_text_without_a_mark_is_utf_8(text, size):
    assert read(text.encode(), size=size) == text


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if name != "utf-16"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_an_encoding_can_be_named(encoding, size):
    letters = "Grüße 日本語 Привет αβγ łódź".encode(encoding, "ignore").decode(encoding)
    assert read(letters.encode(encoding), encoding, size) == letters


def test_utf_16_with_a_mark_needs_no_byte_order_in_its_name():
    assert read(codecs.BOM_UTF16_BE + "aü".encode("utf-16-be"), "utf-16") == "aü"


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (b"ab\xffcd", None, "not utf-8: byte 2 is 0xff, invalid start byte"),
        (b"\xef\xbb\xbfab\xffcd", None, "byte 5 is 0xff"),
        ("abcdé".encode()[:-1], None, "byte 4 is 0xc3, unexpected end"),
        ("é".encode("latin-1"), "us-ascii", "not us-ascii: byte 0 is 0xe9"),
        (b"ab\x81", "windows-1252", "byte 2 is 0x81"),
        ("ab".encode("utf-16-le")[:-1], "utf-16-le", "byte 2 is 0x62"),
        ("ab".encode("utf-16-le"), None, "NUL .* name its encoding"),
        (codecs.BOM_UTF8 + b"a", "utf-16-le", "mark of utf-8, but its encoding is said to be utf"),
        ("a".encode("utf-16"), "utf-8", "mark of utf-16-le, but"),
        ("a".encode("utf-16-le"), "utf-16", "whether it is utf-16-le or utf-16-be"),
        ("a".encode("utf-32"), None, "utf-32-le, which is not supported"),
    ],
)
def test_what_is_no_text_of_that_encoding_is_refused_with_the_place(content, encoding, said, size):
    with pytest.raises(TextUnreadable, match=said):
        read(content, encoding, size)
