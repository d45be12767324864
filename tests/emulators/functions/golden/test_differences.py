"""The table of differences is true of the recordings, and the host's README holds it."""

import importlib
from fnmatch import fnmatchcase
from pathlib import Path

from tests.emulators.functions.golden import cases
from tests.emulators.functions.golden.cases import CONVENTIONS, FILES, load
from tests.emulators.functions.golden.differences import DIFFERENCES, table

README = Path(__file__).resolve().parents[4] / "emulators/functions/README.md"
PATTERNS = [pattern for difference in DIFFERENCES for pattern in difference.ids]
IDS = [case["id"] for name in FILES for case in load(name)]


def test_the_readme_holds_the_table_of_differences():
    assert table() in README.read_text("utf-8")


def test_every_name_in_the_table_is_that_of_a_recorded_case():
    assert not [pattern for pattern in PATTERNS if not any(fnmatchcase(i, pattern) for i in IDS)]


def test_every_recorded_case_is_replayed_or_named():
    for path in sorted(cases.FOLDER.rglob("test_*.py")):
        module = ".".join(path.relative_to(cases.FOLDER).with_suffix("").parts)
        importlib.import_module(f"{cases.__package__}.{module}")
    assert len(set(IDS)) == len(IDS)
    assert set(IDS) - cases.replayed == {CONVENTIONS}


def test_no_case_differs_for_two_reasons():
    covering = {i: [p for p in PATTERNS if fnmatchcase(i, p)] for i in IDS}
    assert not {i: found for i, found in covering.items() if len(found) > 1}
