"""Outputs of so many files that their manifest has pages: fetched, checked and compared."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.handlers.assembling import copies, copying, lists
from tests.unit.cli.answers.conftest import SEPARATE, files_in, refusal, run_of
from tests.unit.cli.conftest import Cli

MANY = 50
NAMES = [f"{number:03}.txt" for number in range(MANY)]
PAGES = ["manifest-000000.json", "manifest-000001.json", "manifest-000002.json"]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(lists, "MAX_LISTED", 10)
    monkeypatch.setattr(copying, "_SLICE", 20)
    for module in (lists, copies):
        monkeypatch.setattr(module, "PER_PAGE", 20)


@pytest.fixture
def cli(cli_with) -> Cli:
    return cli_with(SEPARATE, program=lambda _: [(name, name.encode()) for name in NAMES])


@pytest.fixture
def run(cli):
    return run_of(cli)


@pytest.fixture
def folder(cli, run, tmp_path) -> Path:
    answer = cli.json("get", run.id, tmp_path / "out")
    assert answer["files"] == NAMES
    assert (answer["fetched"], answer["kept"], answer["bytes"]) == (MANY, 0, MANY * 7)
    return tmp_path / "out"


def test_all_files_come_with_their_lists(cli, folder):
    there = files_in(folder)
    assert sorted(there) == sorted([*NAMES, *PAGES, "manifest.json"])
    assert all(there[name] == name.encode() for name in NAMES)


def test_a_second_call_fetches_what_is_missing(cli, run, folder):
    (folder / NAMES[33]).unlink()
    (folder / PAGES[1]).unlink()
    answer = cli.json("get", run.id, folder)
    assert (answer["fetched"], answer["kept"]) == (1, MANY - 1)
    assert cli("verify", folder).exit_code == 0


def test_a_folder_is_checked_offline(cli, folder):
    cli.target = "untouched"
    assert cli("verify", folder).exit_code == 0
    assert cli.target == "untouched"
    (folder / NAMES[41]).write_bytes(b"another")
    result = cli("verify", folder, "--json")
    found = {one["name"]: one["agreement"] for one in json.loads(result.stdout)["files"]}
    assert result.exit_code == 1
    assert [name for name, agreement in found.items() if agreement != "ok"] == [NAMES[41]]


@pytest.mark.parametrize("harm", ["longer", "changed", "deleted", "a folder"])
def test_a_list_that_is_not_as_it_was_fetched_is_refused(cli, folder, harm):
    page = folder / PAGES[2]
    content = page.read_bytes()
    page.unlink()
    if harm == "a folder":
        page.mkdir()
    elif harm != "deleted":
        page.write_bytes(content + b" " if harm == "longer" else content.replace(b"049", b"940"))
    said = refusal(cli, "verify", folder)
    assert PAGES[2] in said and "a list of files, is not" in said


@pytest.mark.parametrize("harm", ["changed", "deleted"])
def test_a_list_that_somebody_harmed_is_refused_before_anything_is_written(
    cli, run, tmp_path, harm
):
    blobs, ref = cli.app.world.blobs, run.names.output(PAGES[1])
    if harm == "deleted":
        blobs.delete(ref)
    else:
        blobs.write(ref, blobs.read(ref).replace(b"033", b"../"))
    said = refusal(cli, "get", run.id, tmp_path / "out")
    assert PAGES[1] in said
    assert not files_in(tmp_path / "out")


def test_names_that_leave_the_folder_are_refused(cli, run, tmp_path):
    blobs, ref = cli.app.world.blobs, run.names.output(PAGES[1])
    content = blobs.read(ref).replace(b'"033.txt"', b'"../3.txt"')
    blobs.write(ref, content)
    manifest = json.loads(blobs.read(run.names.manifest))
    manifest["pages"][1] |= {
        "size": len(content),
        "digest": {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()},
    }
    etag = blobs.write(run.names.manifest, json.dumps(manifest).encode())
    row = cli.app.world.tables.get("runs", run.pipeline, run.id)
    kept = json.loads(row.values["output_json"])
    row.values["output_json"] = json.dumps(kept | {"manifest_etag": etag})
    assert "../3.txt" in refusal(cli, "get", run.id, tmp_path / "out")
    assert not files_in(tmp_path / "out")


def test_a_run_is_shown_with_the_number_of_its_files(cli, run):
    assert "50 files, 350 B" in cli("show", run.id).stdout
    assert cli.json("show", run.id)["files"] is None


def test_two_outputs_are_compared_file_by_file(cli, run):
    other = run_of(cli, "b.txt", b"one\n")
    found = json.loads(cli("diff", run.id, other.id, "--json").stdout)["differences"]
    assert found and not [one for one in found if one["name"] in NAMES]
