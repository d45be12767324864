"""Names of outputs, as files of a person's machine."""

from pathlib import PurePosixPath

import pytest

from pipeline.domain.outputs.file_names import paths_of
from pipeline.errors import Permanent


def test_a_name_is_its_path_in_the_folder():
    names = ["a.txt", "Ordner/ü (1).csv", "deep/er/x", "ab:c.txt", "-rf", "console.log", "$(id)"]
    assert paths_of(names) == {name: PurePosixPath(name) for name in names}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "leaves its folder"),
        ("a/../../x", "leaves its folder"),
        ("a/./x", "leaves its folder"),
        ("a//x", "leaves its folder"),
        ("a/", "leaves its folder"),
        ("", "leaves its folder"),
        ("/etc/passwd", "is absolute"),
        ("..\\x", "backslash"),
        ("C:x", "begins with a drive"),
        ("a\0b", "control character"),
        ("a\x1b[2J", "control character"),
        ("a\u202etxt.exe", "control character"),
        ("\ud800", "control character"),
        ("NUL", "a device"),
        ("x/com1.txt", "a device"),
        ("con .a", "a device"),
        ("ü" * 128, "more than 255 bytes"),
        ("a/.fanfare-x", "begins with .fanfare-"),
        (".FANFARE-x/y", "begins with .fanfare-"),
    ],
)
def test_a_name_that_is_not_safe_everywhere_is_refused(name, why):
    with pytest.raises(Permanent, match=why) as raised:
        paths_of(["fine.txt", name])
    assert "\x1b" not in str(raised.value) and "Nothing is written" in str(raised.value)


@pytest.mark.parametrize(
    "names",
    [
        ["A.txt", "a.txt"],
        ["stra\u00dfe", "STRASSE"],
        ["\u00e9", "e\u0301"],
        ["a", "a. "],
        ["a", "A/b"],
        ["x/a/b", "X/A"],
        ["manifest.json"],
        ["Manifest.JSON"],
        ["manifest.json/x"],
    ],
)
def test_names_that_are_one_file_on_some_systems_are_refused(names):
    with pytest.raises(Permanent, match="the same file on some systems"):
        paths_of(names)


def test_a_hundred_thousand_names_take_no_time():
    assert len(paths_of(f"folder/{n:06}.png" for n in range(100_000))) == 100_000
