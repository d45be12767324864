"""What is found of a secret in an output, however it is spelled and cut."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_scripts.runtime.secrecy.runner_capture import Capture
from task_scripts.runtime.secrecy.runner_redaction import Redactor
from tests.unit.domain.quick import quick

TOKEN = 'p/s+w "ü\\&1 <x>'
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def hidden(text: str, value: str = TOKEN) -> str:
    return Redactor({"TOKEN": value}).hide_text(text)


@pytest.mark.parametrize(
    "spelled",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote_plus(TOKEN),
        "p%2fs%2bw%20%22%c3%bc%5c%261%20%3cx%3e",
        json.dumps(TOKEN)[1:-1],
        json.dumps(TOKEN, ensure_ascii=False)[1:-1],
        repr(TOKEN)[1:-1],
        ascii(TOKEN)[1:-1],
        repr(TOKEN.encode())[2:-1],
        "p/s+w &quot;ü\\&amp;1 &lt;x&gt;",
        TOKEN.encode().hex(),
    ],
)
def test_a_value_is_found_in_every_usual_spelling(spelled: str) -> None:
    assert hidden(f"a {spelled} b {spelled}!") == "a [secret TOKEN] b [secret TOKEN]!"


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", "\n", "@h", "@ho"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_is_found_in_base64_wherever_it_begins(before, after, encode) -> None:
    text = encode(f"{before}{TOKEN}{after}".encode()).decode()
    shown = hidden(f"Basic {text}.")
    assert "[secret TOKEN]" in shown
    around = shown.replace("Basic ", "").replace("[secret TOKEN]", "").strip("=.")
    assert len(around) <= len(encode(f"{before}{after}".encode()))


def test_a_long_value_is_found_in_lines_of_base64() -> None:
    value = "".join(chr(33 + number % 90) for number in range(500))
    wrapped = base64.encodebytes(value.encode()).decode()
    assert hidden(wrapped, value) == "[secret TOKEN]\n" * 9


def test_each_line_of_a_value_is_hidden_and_a_value_in_json_is_so_too() -> None:
    shown = hidden(f"x MIIEvQIBADANBgkq y\n{PEM}", PEM)
    assert shown == "x [secret TOKEN] y\n[secret TOKEN]\n"
    inner = json.dumps({"private_key": PEM})
    assert "MIIE" not in hidden("the key is MIIEvQIBADANBgkq", inner)
    assert hidden("}\n{\nname", '{\n  "name": "a long value"\n}') == "}\n{\nname"


def test_secrets_that_overlap_are_hidden_as_one() -> None:
    redactor = Redactor({"A": "abcdefgh", "B": "efghijkl"})
    assert redactor.hide(b"-abcdefghijkl-") == b"-[secret A]-"


def test_a_name_tells_a_secret_in_any_spelling() -> None:
    redactor = Redactor({"TOKEN": TOKEN})
    assert redactor.shows(f"out/{quote(TOKEN, safe='')}.txt")
    assert not redactor.shows("out/\udcff.txt")


def test_without_secrets_nothing_changes() -> None:
    assert Redactor({}).hide(b"any\xff") == b"any\xff"
    assert Redactor({}).hide_text("any\ud800") == "any\ud800"


@quick
@given(
    before=st.binary(max_size=120),
    after=st.binary(max_size=120),
    chunk=st.integers(min_value=1, max_value=9),
)
def test_no_cut_and_no_chunk_lets_a_part_of_a_secret_through(before, after, chunk) -> None:
    secret = "0123456789ABCDEF"
    capture = Capture(head=20, tail=30, redactor=Redactor({"S": secret}))
    stream = before + secret.encode() + after
    for at in range(0, len(stream), chunk):
        capture.add(stream[at : at + chunk])
    text = capture.text()
    assert b"0123456" not in text.replace(before, b"").replace(after, b"")
    assert b"9ABCDEF" not in text.replace(before, b"").replace(after, b"")


@pytest.mark.parametrize("at", range(120))
def test_wherever_a_secret_stands_what_is_left_of_it_is_its_mark_or_nothing(at: int) -> None:
    capture = Capture(head=20, tail=30, redactor=Redactor({"S": "0123456789"}))
    capture.add(b"." * at + b"0123456789" + b"." * (120 - at))
    text = capture.text().decode()
    rest = text.replace("[secret S]", "").replace("[... 80 bytes left out ...]", "")
    assert set(rest) <= {".", "\n"}
    assert ("[secret S]" in text) == (at < 20 or at + 10 > 100)


def test_a_stream_of_a_value_that_is_one_letter_ends_soon() -> None:
    capture = Capture(redactor=Redactor({"S": "a" * 25_000}))
    for _ in range(40):
        capture.add(b"a" * 64 * 1024)
    assert b"aaaaaa" not in capture.text()
