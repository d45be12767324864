"""`fanfare sample`: a file that its pipeline accepts, and what to type next."""

from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.samples.samples import SAMPLES, Sample
from pipeline.cli.starting import uploads
from pipeline.cli.starting.uploads import Order
from pipeline.cli.target import definitions

_FETCHED = {"cnn-sweep", "face-match", "media-encode", "media-encode-container"}
# Their packages would have to be fetched; the tests of their pipelines, end to end, do that.
MADE_HERE = sorted(SAMPLES.keys() - _FETCHED)


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


def test_a_list_comes_with_what_it_names_and_both_can_be_uploaded(cli, tmp_path, monkeypatch):
    blobs = {"people/a.jpg": b"a", "people/b/c.jpg": b"c"}
    album = Sample("job", "album.json", "two images", lambda: b"[]", lambda: blobs)
    monkeypatch.setitem(SAMPLES, "job", album)
    file = tmp_path / "album.json"
    told = cli.json("sample", "job", file)
    assert told["next"] == f"fanfare run job {file} --with {tmp_path / 'people'}"
    assert {name: (tmp_path / name).read_bytes() for name in blobs} == blobs


def test_a_listed_file_with_other_content_is_left_alone(cli, tmp_path, monkeypatch):
    album = Sample("job", "album.json", "an image", lambda: b"[]", lambda: {"people/a.jpg": b"a"})
    monkeypatch.setitem(SAMPLES, "job", album)
    mine = tmp_path / "people/a.jpg"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    result = cli("sample", "job", tmp_path / "album.json")
    assert (result.exit_code, mine.read_bytes()) == (Exit.USAGE, b"mine")
    assert not (tmp_path / "album.json").exists()
