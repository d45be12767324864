"""Which files an output pattern means, and what their blobs are called."""

from pathlib import Path

import pytest

from emulators.batch.transfer.patterns import expand, matches

FILES = ("wd/a1.txt", "wd/b1.txt", "wd/z1.txt", "wd/a12.txt", "wd/.dot", "wd/[x].txt")
DEEPER = ("wd/d/a1.txt", "wd/d/e/deep.bin", "wd/.hidden/h.bin", "stdout.txt", "stderr.txt")


@pytest.fixture
def wd(tmp_path: Path) -> Path:
    for name in (*FILES, *DEEPER):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "wd"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a1.txt", {"a1.txt"}),
        ("*.txt", {"a1.txt", "b1.txt", "z1.txt", "a12.txt", "[x].txt"}),
        ("?1.txt", {"a1.txt", "b1.txt", "z1.txt"}),
        ("[a-c]1.txt", {"a1.txt", "b1.txt"}),
        ("[!a]1.txt", {"b1.txt", "z1.txt"}),
        (".*", {".dot"}),
        ("**/*.bin", {"d/e/deep.bin"}),
        ("d/**", {"a1.txt", "e/deep.bin"}),
        ("../std*.txt", {"stdout.txt", "stderr.txt"}),
        ("none*", set()),
        ("*", {"a1.txt", "b1.txt", "z1.txt", "a12.txt", "[x].txt"}),
    ],
)
def test_a_pattern_finds_its_files(wd: Path, pattern: str, names: set[str]) -> None:
    assert {name for _, name in matches(pattern, wd)} == names


def test_an_absolute_pattern_and_one_with_a_variable_find_theirs(wd: Path) -> None:
    assert {name for _, name in matches(f"{wd}/d/*.txt", wd)} == {"a1.txt"}
    pattern = expand("$AZ_BATCH_TASK_DIR/${WHAT}*.txt", {"AZ_BATCH_TASK_DIR": "/t", "WHAT": "std"})
    assert pattern == "/t/std*.txt"
    assert expand("$UNKNOWN/a", {}) == "$UNKNOWN/a"


def test_patterns_match_as_documented(tmp_path: Path) -> None:
    wd = tmp_path / "wd"
    (wd / "d" / "e").mkdir(parents=True)
    for name in (
        "a.txt",
        ".a.txt",
        "b[1].txt",
        "d/c.txt",
        "d/e/f.txt",
        "../stdout.txt",
        "../stderr.txt",
    ):
        (wd / name).write_text("")

    def found(pattern: str) -> list[str]:
        return sorted(below for _, below in matches(pattern, wd))

    assert found("*.txt") == ["a.txt", "b[1].txt"]
    assert found("**/*.txt") == ["a.txt", "b[1].txt", "d/c.txt", "d/e/f.txt"]
    assert found("d/*.txt") == ["c.txt"]
    assert found(".*.txt") == [".a.txt"]
    assert found("b[[]1].txt") == ["b[1].txt"]
    assert found("[!b]*.txt") == ["a.txt"]
    assert found("../std*.txt") == ["stderr.txt", "stdout.txt"]
    assert found("none/x.txt") == []


@pytest.mark.parametrize("pattern", ["o-*", "*/x", "**/x", "o-link", "here/x", "../wd/o-*"])
def test_no_link_is_followed(wd: Path, tmp_path: Path, pattern: str) -> None:
    own = tmp_path.parent / f"{tmp_path.name}-own"
    own.mkdir()
    (own / "x").write_text("a secret")
    (wd / "o-link").symlink_to(own / "x")
    (wd / "here").symlink_to(own)
    assert list(matches(pattern, wd, tmp_path)) == []


def test_a_link_in_the_place_of_the_working_directory_is_not_followed(
    wd: Path, tmp_path: Path
) -> None:
    wd.rename(tmp_path / "away")
    wd.symlink_to(tmp_path / "away")
    assert list(matches("*.txt", wd, tmp_path)) == []
