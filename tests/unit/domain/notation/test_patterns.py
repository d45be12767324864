import time

import pytest

from pipeline.domain.notation.patterns import check_pattern, matched
from tests.patience import stretched


@pytest.mark.parametrize(
    ("pattern", "name", "values"),
    [
        ("*.tif", "a.tif", {}),
        ("*.tif", "x/a.tif", None),
        ("**/*.tif", "x/y/a.tif", {}),
        ("**/*.tif", "a.tif", {}),
        ("raw/**", "raw/a/b", {}),
        ("a?.txt", "ab.txt", {}),
        ("a?.txt", "a/.txt", None),
        (".hidden/*", ".hidden/.a", {}),
        ("{camera}/{date}/*.tif", "c1/2026-09-01/7.tif", {"camera": "c1", "date": "2026-09-01"}),
        ("{camera}/{date}/*.tif", "c1/7.tif", None),
        ("in/{day}-{part}.csv", "in/mon-3.csv", {"day": "mon", "part": "3"}),
        ("{x}", "ü $(touch y)", {"x": "ü $(touch y)"}),
        ("a.b", "axb", None),
        ("*a*a", "aa", {}),
        ("*ab", "aab", {}),
        ("{x}-{y}-z", "1-2-3-z", {"x": "1", "y": "2-3"}),
        ("a/**/b", "a/b", {}),
        ("a/**/b", "a/x/y/b", {}),
        ("a/**", "a", None),
        ("line\n*", "line\nend", {}),
        ("{n}(1).txt", "7(1).txt", {"n": "7"}),
    ],
)
def test_a_pattern_matches_whole_names_and_gives_the_values(pattern, name, values):
    assert matched(check_pattern(pattern), name) == values


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "1 to 256 characters"),
        ("a" * 257, "1 to 256 characters"),
        ("{a", "stray brace"),
        ("{A}", "stray brace"),
        ("{a}/{a}", "placeholder twice"),
        ("**/a/**/b/**", "more than 2 times"),
        ("a**", "beside other characters"),
        ("{a}{b}", "two wildcards side by side"),
        ("{a}*", "two wildcards side by side"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(pattern, said):
    with pytest.raises(ValueError, match=said):
        check_pattern(pattern)


def test_a_hostile_name_does_not_make_matching_slow():
    began = time.process_time()
    for pattern in ("*a" * 100 + "b", "{x}a*a{y}a*a{z}b", "**/*a*a*/**/*a*b"):
        for name in ("a" * 1024, "a/" * 511 + "a", "aa/" * 300):
            assert matched(check_pattern(pattern), name) is None
    assert time.process_time() - began < stretched(5)
