"""`fanfare get`: an output comes into a folder whole, and never outside of it."""

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.fetching import folder
from pipeline.cli.fetching.reasons import explained
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Transient
from tests.fakes.node import Failure
from tests.unit.cli.answers.conftest import LARGE, SMALL, files_in, refusal, run_of


class Cut:
    """A Storage that breaks a stream off after some bytes, as often as a test says."""

    def __init__(self, blobs, after, times=1, error=None):
        self._blobs, self._after, self._times = blobs, after, times
        self._error = error or Transient("read a blob of output: no answer")
        self.streamed = []

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def stream(self, ref, offset=0, length=None):
        self.streamed.append((ref.name.rpartition("/")[2], offset))
        content = self._blobs.read(ref, offset, length)
        if self._times and len(content) > self._after:
            self._times -= 1
            yield content[: self._after]
            raise self._error
        yield content


def through(cli, blobs):
    cli.app.through(replace(cli.app.engine.ports, blobs=blobs))
    return blobs


def blob_of(run, name) -> BlobRef:
    return run.names.output(name)


def names_of(cli, run) -> list[str]:
    return sorted(file["name"] for file in cli.json("show", run.id)["files"])


def part_in(folder):
    """Return what is there of the larger file, which was cut off."""
    (part,) = (folder / "deep").glob(".fanfare-*")
    return part


def rewrite(cli, run, change) -> None:
    """Let the run have another manifest, as if its output had been made so."""
    blobs, ref = cli.app.world.blobs, run.names.manifest
    manifest = json.loads(blobs.read(ref))
    change(manifest["files"])
    etag = blobs.write(ref, json.dumps(manifest).encode())
    row = cli.app.world.tables.get("runs", run.pipeline, run.id)
    kept = json.loads(row.values["output_json"])
    row.values["output_json"] = json.dumps(kept | {"manifest_etag": etag})


def test_the_output_and_its_manifest_come_into_the_folder(cli, run, tmp_path):
    answer = cli.json("get", run.id, tmp_path / "out")
    there = files_in(tmp_path / "out")
    manifest = there.pop("manifest.json")
    assert manifest == cli.app.world.blobs.read(run.names.manifest)
    assert sorted(there) == names_of(cli, run) == answer["files"]
    assert sorted(there.values()) == [SMALL, LARGE]
    assert (answer["fetched"], answer["kept"], answer["run"]) == (2, 0, run.id)


def test_a_second_call_fetches_nothing_and_a_lost_file_again(cli, run, tmp_path):
    cli.json("get", run.id, tmp_path / "out")
    blobs = through(cli, Cut(cli.app.world.blobs, after=0, times=0))
    assert cli.json("get", run.id, tmp_path / "out")["kept"] == 2
    assert not blobs.streamed
    (tmp_path / "out" / names_of(cli, run)[0]).unlink()
    assert "2 files, 4.0 kB, 1 of them were there" in cli("get", run.id, tmp_path / "out").stdout


def test_a_file_that_was_cut_off_goes_on_where_it_ended(cli, run, tmp_path):
    blobs = through(cli, Cut(cli.app.world.blobs, after=1000))
    assert "no answer" in refusal(cli, "get", run.id, tmp_path / "out", code=3)
    assert part_in(tmp_path / "out").stat().st_size == 1000
    cli.json("get", run.id, tmp_path / "out")
    assert blobs.streamed[-1][1] == 1000
    assert cli("verify", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize("left", [b"x" * 10, b"x" * 5000, b""])
def test_a_part_of_something_else_is_fetched_from_the_beginning(cli, run, tmp_path, left):
    through(cli, Cut(cli.app.world.blobs, after=1000))
    cli("get", run.id, tmp_path / "out")
    part = part_in(tmp_path / "out")
    part.write_bytes(left)
    cli.json("get", run.id, tmp_path / "out")
    assert cli("verify", tmp_path / "out").exit_code == 0


def test_a_wrong_digest_is_fetched_once_more_and_then_named(cli, run, tmp_path):
    name = names_of(cli, run)[0]
    spoilt = SMALL.upper()
    cli.app.world.blobs.write(blob_of(run, name), spoilt)
    blobs = through(cli, Cut(cli.app.world.blobs, after=0, times=0))
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert [one for one in blobs.streamed if one[0] == name] == [(name, 0)] * 2
    found, expected = (hashlib.sha256(content).hexdigest() for content in (spoilt, SMALL))
    assert name in said and f"SHA-256 {expected}" in said and found in said
    assert name not in files_in(tmp_path / "out")


def test_a_file_that_is_longer_than_it_should_be_fills_no_disk(cli, run, tmp_path):
    name = names_of(cli, run)[0]
    cli.app.world.blobs.write(blob_of(run, name), b"x" * (9 << 20))
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert f"expected {len(SMALL)} bytes" in said and f"found {4 << 20:,}" in said


@pytest.mark.parametrize("name", ["../escaped", "/etc/x", "a\\b", "C:x", "NUL", "a\0b", "x" * 300])
def test_a_name_that_leaves_the_folder_is_refused_before_anything_is_written(
    cli, run, tmp_path, name
):
    rewrite(cli, run, lambda files: files[0].update(name=name))
    assert "Nothing is written" in refusal(cli, "get", run.id, tmp_path / "out" / "in")
    assert not (tmp_path / "out").exists()


def test_names_that_differ_only_in_case_are_refused(cli, run, tmp_path):
    rewrite(cli, run, lambda files: [f.update(name=n) for f, n in zip(files, "aA", strict=True)])
    assert "the same file on some systems" in refusal(cli, "get", run.id, tmp_path / "out")


def test_no_link_inside_the_folder_is_followed(cli, run, tmp_path):
    rewrite(cli, run, lambda files: files[0].update(name="link/stolen"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(elsewhere)
    for more in ([], ["--replace"]):
        assert "link/stolen" in refusal(cli, "get", run.id, tmp_path / "out", *more)
    assert not files_in(elsewhere)


def test_a_link_in_the_place_of_a_file_is_replaced_and_its_target_kept(cli, run, tmp_path):
    name, target = names_of(cli, run)[0], tmp_path / "target"
    target.write_bytes(SMALL)
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).symlink_to(target)
    assert "has another" in refusal(cli, "get", run.id, tmp_path / "out")
    cli.json("get", run.id, tmp_path / "out", "--replace")
    assert not (tmp_path / "out" / name).is_symlink() and target.read_bytes() == SMALL


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda p: p.symlink_to("/dev/full")])
def test_what_is_no_file_in_the_place_of_a_part_is_named(cli, run, tmp_path, make):
    through(cli, Cut(cli.app.world.blobs, after=1000))
    cli("get", run.id, tmp_path / "out")
    part = part_in(tmp_path / "out")
    part.unlink()
    make(part)
    assert "is in the way" in refusal(cli, "get", run.id, tmp_path / "out")


def test_a_folder_with_another_runs_output_is_refused(cli, run, tmp_path):
    other = run_of(cli, "b.txt")
    cli.json("get", run.id, tmp_path / "out")
    said = refusal(cli, "get", other.id, tmp_path / "out")
    assert f"has the output of run {run.id}, generation 1: name another folder" in said
    assert "other" not in files_in(tmp_path / "out")


def test_a_folder_with_a_manifest_of_somebody_else_is_refused(cli, run, tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    assert "a manifest.json that no run wrote" in refusal(cli, "get", run.id, tmp_path)


def test_a_file_that_somebody_changed_is_replaced_only_on_request(cli, run, tmp_path):
    cli.json("get", run.id, tmp_path / "out")
    changed = tmp_path / "out" / names_of(cli, run)[0]
    changed.write_bytes(b"edited")
    assert "replace what is there with --replace" in refusal(cli, "get", run.id, tmp_path / "out")
    assert changed.read_bytes() == b"edited"
    assert cli.json("get", run.id, tmp_path / "out", "--replace")["fetched"] == 1
    assert changed.read_bytes() == SMALL


def test_without_a_folder_it_is_named_like_the_run(cli, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.json("get", run.id)["folder"] == run.id
    assert (tmp_path / run.id / "manifest.json").exists()


def test_an_output_without_files_is_only_a_manifest(cli, tmp_path):
    cli.app.program = lambda _: []
    cli.json("get", run_of(cli).id, tmp_path / "out")
    assert list(files_in(tmp_path / "out")) == ["manifest.json"]
    assert "no file: the output of" in cli("verify", tmp_path / "out").stdout


def test_a_run_that_failed_has_no_output_and_says_where_to_look(cli, tmp_path):
    cli.app.program = lambda _: Failure()
    run = run_of(cli)
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert f"`fanfare show {run.id}` says why (program-failed)" in said
    assert not (tmp_path / "out").exists()


def test_a_run_that_goes_on_offers_to_watch_it(cli, tmp_path):
    cli.app.upload("lines/a.txt", b"one\n")
    cli.app.pump()
    run = cli.app.only_run().id
    assert f"`fanfare watch {run}` follows it" in refusal(cli, "get", run, tmp_path / "out")


def test_an_output_that_was_purged_is_gone_since_a_day(cli, run, tmp_path):
    cli("purge", run.id, "--output", "--yes")
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert "was deleted after its purge on 20" in said and "Start a new run" in said


def test_an_output_file_that_was_deleted_is_named(cli, run, tmp_path):
    ref = blob_of(run, names_of(cli, run)[1])
    cli.app.world.blobs.remove(ref.container, ref.name)
    assert f"there is no blob {ref.name}" in refusal(cli, "get", run.id, tmp_path / "out")


def test_a_manifest_that_somebody_changed_is_not_believed(cli, run, tmp_path):
    ref = run.names.manifest
    content = cli.app.world.blobs.read(ref)
    cli.app.world.blobs.write(ref, content.replace(b"a.txt", b"b.txt"))
    assert "not the one that was committed" in refusal(cli, "get", run.id, tmp_path / "out")


def test_what_the_disk_has_no_room_for_is_refused_before_it_is_fetched(cli, run, tmp_path):
    rewrite(cli, run, lambda files: files[0].update(size=1 << 60))
    blobs = through(cli, Cut(cli.app.world.blobs, after=0, times=0))
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert "the files need 1152921.5 TB: free some space" in said and not blobs.streamed


def test_a_disk_that_becomes_full_is_one_line(cli, run, tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    through(cli, Cut(cli.app.world.blobs, after=1000, error=full))
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert "the disk is full: free some space and repeat the command" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(cli, run, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert "it cannot be written: name another folder" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.EACCES, "it cannot be written"),
        (errno.EROFS, "it cannot be written"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "does not take files of this size"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_each_trouble_of_a_disk_is_named_with_its_file(tmp_path, code, said):
    with pytest.raises(CommandError, match=said) as raised, explained(tmp_path / "x"):
        raise OSError(code, os.strerror(code))
    assert str(tmp_path / "x") in str(raised.value)


def test_two_commands_do_not_write_into_one_folder(cli, run, tmp_path):
    with folder.opened(tmp_path / "out", create=True) as first:
        first.lock()
        assert "Another command writes" in refusal(cli, "get", run.id, tmp_path / "out")


def test_an_output_of_the_first_release_is_compared_by_size_and_says_so(cli, run, tmp_path):
    old = {"algorithm": "tree-sha256", "value": "0" * 64}
    rewrite(cli, run, lambda files: files[0].update(digest=old))
    assert cli("get", run.id, tmp_path / "out").exit_code == 0
    assert "only sizes were compared" in cli("get", run.id, tmp_path / "out").stderr
    assert "1 unknown" in cli("verify", tmp_path / "out").stdout
