"""Shards give the tests and outcomes of one run, and an archive stays in its folder."""

import gzip
import html.parser
import io
import json
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from pipeline.cli.samples import suite as samples
from task_scripts.test_suite.balance import dealt, durations, test_files
from task_scripts.test_suite.junit import Case, merged, read
from task_scripts.test_suite.sources import Bounds, Unusable, safe, unpack
from tests.depth import more
from tests.workloads.programs import Done, Program, Start, parts_of

test_files.__test__ = False  # a function of the program, which is no test


@pytest.fixture
def suite(program: Start, monkeypatch: pytest.MonkeyPatch) -> Program:
    # A node has pytest alone; the many plugins of a developer's machine take seconds to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return program("test_suite")


def zipped(files: dict[str, str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packing:
        for name, text in files.items():
            packing.writestr(name, text)
    return archive.getvalue()


def tarred(*entries: tarfile.TarInfo) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packing:
        for entry in entries:
            packing.addfile(entry, io.BytesIO(bytes(entry.size)))
    return archive.getvalue()


def given(folder: Path, content: bytes) -> Path:
    path = folder / "archive"
    path.write_bytes(content)
    return path


def sharded(suite: Program, archive: Path, count: int) -> list[Done]:
    items = suite("split", "--archive", archive, "--shards", count, "--output", "{output}")
    return [
        suite("shard", "--archive", archive, "--shard", item["parameters"]["shard"], "--shards",
              count, "--output", "{output}")
        for item in items.json("items.json")
    ]  # fmt: skip


def merge(suite: Program, done: list[Done]) -> Done:
    return suite("merge", "--parts", parts_of(suite.folder, done), "--output", "{output}")


def unsharded(folder: Path, archive: Path) -> list[Case]:
    """Run all tests at once, as a user would, and read their report."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / "whole")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", f"--junitxml={folder / 'whole.xml'}"]
    subprocess.run(command, cwd=folder / "whole/bank-1.0", check=False, capture_output=True)
    return merged([read(folder / "whole.xml")])


@pytest.mark.parametrize("count", more([3], [2, 50]))
def test_shards_have_the_tests_and_outcomes_of_one_run(suite, count):
    archive = given(suite.folder, samples.bank())
    done = sharded(suite, archive, count)
    assert len(done) == min(count, 7)
    report = merge(suite, done)
    ids = lambda cases: {case.key: case.outcome for case in cases}  # noqa: E731 - one line
    found = ids(read(report.output / "junit.xml"))
    assert found == ids(unsharded(suite.folder, archive))
    told = report.json("summary.json")
    assert {name: told[name] for name in ("tests", "passed", "skipped", "failed", "error")} == {
        "tests": 55, "passed": 51, "skipped": 1, "failed": 1, "error": 2,
    }  # fmt: skip
    assert told["ok"] is False


class Tags(html.parser.HTMLParser):
    """Collects the names of a page's tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, _):
        self.names.add(tag)


def test_the_report_shows_why_tests_failed_and_escapes_what_they_said(suite):
    report = merge(suite, sharded(suite, given(suite.folder, samples.bank()), 2))
    text = (report.output / "report.html").read_text("utf-8")
    assert "Python rounds halves to even" in text
    assert "the vault does not close" in text
    assert "&lt;gold&gt;" in text
    assert "gold" not in Tags(text).names


def test_the_next_run_is_balanced_by_the_durations_of_this_one(suite, tmp_path):
    report = merge(suite, sharded(suite, given(suite.folder, samples.bank()), 2))
    known = report.json("durations.json")
    assert known["tests/branches/test_many.py"] >= 0
    root = tmp_path / "next"
    (root / "tests").mkdir(parents=True)
    for name in "abc":
        (root / f"tests/test_{name}.py").write_text("")
    (root / "durations.json").write_text(json.dumps({"tests/test_a.py": 9, "tests/test_b.py::x": 2,
                                                     "tests/test_b.py::y": 2}))  # fmt: skip
    seconds = durations(root, test_files(root))
    assert seconds == {"tests/test_a.py": 9, "tests/test_b.py": 4, "tests/test_c.py": 0.01}
    assert dealt(seconds, 2) == [["tests/test_a.py"], ["tests/test_b.py", "tests/test_c.py"]]


def test_files_without_tests_are_an_empty_shard_and_no_failure(suite):
    archive = given(suite.folder, zipped({"test_nothing.py": "", "a/test_more.py": "x = 1"}))
    done = sharded(suite, archive, 2)
    assert [one.code for one in done] == [0, 0]
    assert merge(suite, done).json("summary.json")["tests"] == 0


def test_a_test_that_kills_pytest_fails_its_shard_with_the_signal(suite):
    text = "import os, signal\ndef test_it(): os.kill(os.getpid(), signal.SIGKILL)"
    (done,) = sharded(suite, given(suite.folder, zipped({"test_a.py": text})), 1)
    assert done.code == 1
    assert "Shard 0 was not tested: pytest was ended by signal 9." in done.said


def test_options_that_pytest_does_not_know_fail_the_shard_with_its_words(suite):
    files = {"test_a.py": "", "pytest.ini": "[pytest]\naddopts = --no-such-option"}
    (done,) = sharded(suite, given(suite.folder, zipped(files)), 1)
    assert done.code == 1
    assert "--no-such-option" in done.said
    assert "pytest exited with 4: its options are wrong" in done.said


def test_tests_do_not_see_the_variables_of_the_task(suite):
    text = "import os\ndef test_it(): assert not [n for n in os.environ if n[:8] == 'AZ_BATCH']"
    archive = given(suite.folder, zipped({"test_a.py": text}))
    done = suite(
        "shard", "--archive", archive, "--shard", 0, "--shards", 1, "--output", "{output}",
        AZ_BATCH_TASK_DIR="x",
    )  # fmt: skip
    assert merge(suite, [done]).json("summary.json")["ok"]


def entry(name: str, size: int = 1, kind: bytes = tarfile.REGTYPE, link: str = ""):
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, link
    return made


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tarred(entry("../evil")), "'../evil' is not a path below"),
        (tarred(entry("/tmp/evil")), "is not a path below"),
        (tarred(entry("a", 0, tarfile.SYMTYPE, "/etc")), "'a' is not an ordinary file"),
        (tarred(entry("a"), entry("b", 0, tarfile.LNKTYPE, "a")), "ordinary file|unpacked"),
        (tarred(entry("a", 0, tarfile.CHRTYPE)), "'a' is not an ordinary file"),
        (tarred(entry("a"), entry("a")), "cannot be unpacked: .*File exists"),
        (tarred(entry("a"), entry("a/b")), "cannot be unpacked"),
        (zipped({"../evil": ""}), "is not a path below"),
        (zipped({"a\\..\\evil": ""}), "is not a path below"),
        (zipped({"C:/evil": ""}), "is not a path below"),
        (zipped({}), "no files"),
        (zipped({"a": "x"})[:-30], "cannot be unpacked"),
        (gzip.compress(b"not a tar at all" * 100), "cannot be unpacked"),
        (b"\x1f\x8b\x08\x00garbage", "cannot be unpacked"),
        (b"", "neither a .zip nor a .tar.gz"),
        (b"7z\xbc\xaf", "neither a .zip nor a .tar.gz"),
    ],
)
def test_a_hostile_or_damaged_archive_is_refused_and_writes_nothing_outside(
    tmp_path, content, reason
):
    folder = tmp_path / "deep/folder"
    folder.mkdir(parents=True)
    with pytest.raises(Unusable, match=reason):
        unpack(given(tmp_path, content), folder)
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "deep"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]


def test_a_bomb_is_stopped_at_the_bound(tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packing:
        packing.writestr("zeros", bytes(64 << 20))
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(Unusable, match="unpacks to more than 1 MiB"):
        unpack(given(tmp_path, archive.getvalue()), folder, Bounds(size=1 << 20))
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 1 << 20


def test_too_many_files_are_refused(tmp_path):
    archive = given(tmp_path, zipped({str(n): "" for n in range(4)}))
    with pytest.raises(Unusable, match="more than 3 files"):
        unpack(archive, tmp_path / "x", Bounds(files=3))


@pytest.mark.parametrize("name", ["a/b.py", "Ä/ü.py", "..a/b"])
def test_ordinary_names_are_safe(name):
    assert str(safe(name)) == name


@pytest.mark.parametrize("name", ["", ".", "a/../b", "a\nb", "a\0b", "x/" * 50 + "y"])
def test_other_names_are_not(name):
    with pytest.raises(Unusable):
        safe(name)


def report(*cases: str) -> str:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def test_a_test_that_two_shards_report_counts_once_and_as_the_worse(tmp_path):
    texts = [
        report('<testcase classname="a" name="x" time="1"/>', '<testcase name="y" time="nan"/>'),
        report('<testcase classname="a" name="x"><failure message="m">t</failure></testcase>'),
    ]
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text)
    cases = merged(read(tmp_path / str(number)) for number in range(2))
    assert [(case.key, case.outcome) for case in cases] == [
        (("", "y"), "passed"), (("a", "x"), "failed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>', "declares entities"),
        ("<testsuites>", "not a JUnit report"),
    ],
)
def test_a_report_that_is_damaged_or_hostile_is_refused(suite, tmp_path, text, reason):
    done = Done(0, "", tmp_path / "part")
    done.output.mkdir()
    (done.output / "junit.xml").write_text(text)
    told = merge(suite, [done])
    assert told.code == 1
    assert reason in told.said


def test_the_merged_report_is_read_by_others(suite):
    done = merge(suite, sharded(suite, given(suite.folder, samples.bank()), 2))
    root = ET.parse(done.output / "junit.xml").getroot()
    (found,) = root.findall("testsuite")
    assert found.get("tests") == str(len(found.findall("testcase"))) == "55"
