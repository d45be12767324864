"""The page of `make demo-all`: what runs wrote is shown, and is never markup."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import demo_all
import demo_page

from pipeline.cli.samples.samples import SAMPLES
from pipeline.cli.session import Session

HOSTILE = "<script>alert(1)</script>\"'&"


def part(**files: tuple[str, bytes]) -> demo_page.Part:
    items = {"succeeded": 2, "failed": 1}
    data = {"verdict": "failed", "items": items, "node_seconds": 1.5, "tail": HOSTILE}
    return demo_page.Part("job", HOSTILE, HOSTILE, 3.0, {"data": data}, files)


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/csv", "text/html", "application/json", 'image/"><script>', ""]
)
def test_nothing_that_a_run_wrote_becomes_markup(kind):
    drawn = demo_page.page(
        [part(x=(kind, HOSTILE.encode() + b"\xff")), part(**{HOSTILE: (kind, b"")})]
    )
    assert "<script" not in drawn
    assert "default-src 'none'" in drawn


def test_what_is_not_a_text_is_named_with_its_size_alone():
    drawn = demo_page.page([part(weights=("application/octet-stream", b"PK\x03\x04\0\0bytes"))])
    assert "<figure><figcaption>weights, 11 bytes</figcaption></figure>" in drawn
    assert "PK" not in drawn


def test_each_kind_of_output_is_shown_as_what_it_is():
    drawn = demo_page.page(
        [
            part(
                a=("image/png", b"\x89PNG"),
                b=("video/mp4", b"film"),
                c=("text/csv", b"x,y\n" + b"1,2\n" * 20),
                d=("text/html; charset=utf-8", b"<b>report</b>"),
                e=("application/json", b"{}\n" * 40),
            )
        ]
    )
    assert '<img alt="" src="data:image/png;base64,' in drawn
    assert '<video controls muted loop src="data:video/mp4;base64,' in drawn
    assert "<th>x</th>" in drawn and "and 8 more rows" in drawn
    assert '<iframe sandbox="" srcdoc="&lt;b&gt;report' in drawn
    assert "2 of 3 items" in drawn
    assert drawn.count("{}") == demo_page.LINES


def test_all_pipelines_that_an_upload_starts_are_shown_though_no_stack_is_up():
    def connect(_target, _project):
        raise AssertionError("The stack is started later.")

    shown = demo_all.started(Session(connect=connect))
    assert set(shown) <= set(SAMPLES)
    assert {"cnn-sweep", "face-match", "media-encode", "render", "word-count"} <= set(shown)
