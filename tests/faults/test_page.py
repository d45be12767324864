"""docs/doctor.md has the figures of the table of faults and of what does not hold yet."""

import re
from pathlib import Path

from tests.faults.table import FAULTS, UNCURED, UNTOLD, Kind

TEXT = (Path(__file__).resolve().parents[2] / "docs/doctor.md").read_text("utf-8")
SECTION = TEXT.partition("## How much is found\n")[2].partition("\n## ")[0]


def of_kind(kind):
    return sum(fault.kind is kind for fault in FAULTS)


def test_the_figures_are_those_of_the_table():
    here, az = of_kind(Kind.HERE), of_kind(Kind.AZ)
    told, cured = len(FAULTS) - len(UNTOLD), here - len(UNCURED)
    rows = re.findall(r"\| (\d+) \| (\d+) \|$", SECTION, re.MULTILINE)
    expected = [(len(FAULTS), told), (here, cured), (az, az)]
    assert [tuple(map(int, row)) for row in rows] == expected
    others, on_stack = of_kind(Kind.PERSON), sum(fault.stack for fault in FAULTS)
    assert f"For the other {others}," in SECTION and f"Of the faults, {on_stack} happen" in SECTION


def test_enough_is_told_and_cured():
    assert len(UNTOLD) <= 0.05 * len(FAULTS)
    assert len(UNCURED) <= 0.2 * of_kind(Kind.HERE)


def test_what_does_not_hold_is_in_the_table():
    assert (UNTOLD | UNCURED) - {fault.key for fault in FAULTS} == set()
