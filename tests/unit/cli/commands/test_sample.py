"""`fanfare sample`: a file that its pipeline accepts, and what to type next."""

from pathlib import Path

import pytest

from pipeline.cli import uploads
from pipeline.cli.exits import Exit
from pipeline.cli.samples.samples import SAMPLES
from pipeline.cli.target import definitions
from pipeline.cli.uploads import Order

# Its package would have to be fetched; the test of its pipeline, end to end, does that.
MADE_HERE = sorted(SAMPLES.keys() - {"media-encode", "media-encode-container"})


def test_all_samples_are_listed_with_what_they_are(cli):
    told = cli.json("sample")["samples"]
    assert [one["pipeline"] for one in told] == sorted(SAMPLES)
    assert all(one["file"] and one["about"] for one in told)
    shown = cli("sample").stdout
    assert all(name in shown for name in SAMPLES)


@pytest.mark.parametrize("name", MADE_HERE)
def test_a_sample_is_a_file_that_its_pipeline_accepts(cli, tmp_path, name):
    file = tmp_path / SAMPLES[name].file
    told = cli.json("sample", name, file)
    assert told == {"pipeline": name, "file": str(file), "next": f"fanfare run {name} {file}"}
    uploads.check(Order(definitions().pipeline(name), {}), [file])


@pytest.mark.parametrize("name", MADE_HERE)
def test_a_sample_is_the_same_each_time(name):
    assert SAMPLES[name].make() == SAMPLES[name].make()


def test_every_shipped_pipeline_has_a_sample():
    assert definitions().pipelines.keys() == SAMPLES.keys()


def test_without_a_file_the_sample_lies_in_the_current_folder(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "next: fanfare run word-count python.txt" in cli("sample", "word-count").stdout
    assert Path("python.txt").stat().st_size > 1000


def test_an_unknown_name_is_refused_with_those_that_are_known(cli):
    result = cli("sample", "word-cuont")
    assert result.exit_code == Exit.USAGE
    assert "did you mean 'word-count'?" in result.stderr
    assert not result.stdout


def test_a_file_with_other_content_is_left_alone(cli, tmp_path):
    file = tmp_path / "book.txt"
    file.write_text("mine")
    result = cli("sample", "word-count", file)
    assert result.exit_code == Exit.USAGE
    assert "is there already" in result.stderr
    assert file.read_text() == "mine"


def test_the_same_sample_may_be_written_again(cli, tmp_path):
    file = tmp_path / "book.txt"
    assert [cli("sample", "word-count", file).exit_code for _ in range(2)] == [0, 0]


def test_a_folder_that_is_not_there_is_named(cli, tmp_path):
    result = cli("sample", "word-count", tmp_path / "none" / "book.txt")
    assert result.exit_code == Exit.USAGE
    assert "none/book.txt cannot be written: No such file or directory" in result.stderr
