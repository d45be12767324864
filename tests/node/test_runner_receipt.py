"""The receipt's size, and the part of a program's output that it holds."""

import ast
import json
from pathlib import Path

import pytest

from task_scripts.runtime.runner_receipt import (
    RECEIPT_BYTES,
    Result,
    download_seconds,
    fitting_receipt,
    tail_of,
    visible,
)

SCRIPTS = Path(__file__).parents[2] / "task_scripts"


def failed(number: int, tail: str) -> Result:
    return {
        "id": number,
        "outcome": "failed",
        "cause": "program-failed",
        "exit_code": 1,
        "tries": 1,
        "seconds": 0.1,
        "tail": tail,
        "outputs": [],
    }


@pytest.mark.parametrize(("items", "kept"), [(10, 2000), (500, 500), (2000, 100)])
def test_tails_are_cut_until_a_receipt_fits(items: int, kept: int) -> None:
    content = fitting_receipt({"version": 1}, [failed(n, "ü" * 1999 + "!") for n in range(items)])
    assert len(content) <= RECEIPT_BYTES
    tails = {item["tail"] for item in json.loads(content)["items"]}
    assert tails == {"ü" * (kept - 1) + "!"}


def test_a_tail_has_whole_lines_and_ends_with_the_runners_word() -> None:
    tail = tail_of("\n".join(f"line {number}" for number in range(1000)) + "\n\n", "It failed.")
    assert len(tail) <= 2000
    assert tail.startswith("line ")
    assert tail.endswith("line 999\nIt failed.")


def test_a_single_endless_line_is_cut_at_its_beginning() -> None:
    assert tail_of("x" * 9000, "It failed.") == "x" * 1989 + "\nIt failed."


def test_printable_text_stays_as_it_is() -> None:
    assert visible("ü\t名\r\nb\n".encode()) == "ü\t名\nb\n"


@pytest.mark.parametrize(
    ("began", "seconds"),
    [
        ("1700000000.250", 12.5),
        ("1700000012.750", 0.0),
        ("1700000012.751", None),  # a clock was set back
        ("0.000", None),  # the file system keeps no times of creation
        ("", None),
        ("%.3W", None),  # a stat that does not know it
        ("nan", None),
    ],
)
def test_a_download_is_known_or_not_but_never_negative(began: str, seconds: float | None) -> None:
    assert download_seconds(began, 1_700_000_012.75) == seconds


def test_a_right_to_left_mark_is_spelt_out() -> None:
    assert visible("a\u202eb\0".encode()) == "a\\u202eb\\x00"


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: path.name)
def test_every_file_for_nodes_is_python_3_10(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 10))
