"""`fanfare diff`: code 0 for equal runs, 1 for others, 2 in trouble."""

import json

from pipeline.domain.runs.naming import BlobRef
from tests.fakes.node import Failure
from tests.unit.cli.answers.conftest import refusal, run_of


def differences(cli, *runs) -> dict[str, tuple[str, str, bool]]:
    result = cli("diff", *(run.id for run in runs), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["equal"] else 1)
    return {
        f"{one['about']} {one['name']}": (one["before"], one["after"], one["counts"])
        for one in answer["differences"]
    }


def test_the_same_work_twice_is_equal_whatever_etag_storage_gave(cli, run):
    cli.app.world.clock.advance(seconds=5)
    cli.app.upload("lines/a.txt", b"one\n")
    cli.app.settle()
    again = next(one for one in cli.app.all_runs() if one.id != run.id)
    result = cli("diff", run.id, again.id)
    assert result.exit_code == 0, result.output
    assert "the same: pipeline, parameter, definition, program" in result.stdout


def test_inputs_without_an_md5_are_read(cli):
    blobs = cli.app.world.blobs
    for _ in range(2):
        cli.app.world.clock.advance(seconds=5)
        blobs.upload(BlobRef("input", "lines/a.txt"), [b"one\n"])
        cli.app.settle()
    first, second = cli.app.all_runs()
    assert not first.input.md5 and first.input.etag != second.input.etag
    found = differences(cli, first, second)
    assert not any(counts for _, _, counts in found.values())
    assert "input sha256" not in found


def test_another_input_and_other_files_are_named(cli, run):
    cli.app.program = lambda item: [("a.txt", b"other\n"), ("more.txt", b"x")]
    other = run_of(cli, "b.txt", b"two words\n")
    found = differences(cli, run, other)
    assert found["input name"] == ("input/lines/a.txt", "input/lines/b.txt", True)
    assert found["output more.txt"][0] is None and found["output deep/b.bin"][1] is None
    before, after, counts = found["output a.txt"]
    assert counts and before != after
    shown = cli("diff", run.id, other.id).stdout
    assert "removed" in shown and "deep/b.bin" in shown


def test_a_failed_run_differs_in_its_state(cli, run):
    cli.app.program = lambda _: Failure()
    other = run_of(cli, "b.txt")
    found = differences(cli, run, other)
    assert found["state state"] == ("succeeded", "failed", True)
    assert found["count failed"] == ("0", "1", True)


def test_what_cannot_be_compared_has_a_code_of_its_own(cli, run):
    assert "no run 'job-zzz'" in refusal(cli, "diff", run.id, "job-zzz", code=2)
    cli.app.upload("lines/b.txt", b"one\n")
    cli.app.pump()
    assert "fanfare watch" in refusal(cli, "diff", run.id, "latest", code=2)


def test_an_output_that_was_purged_cannot_be_compared(cli, run):
    other = run_of(cli, "b.txt")
    cli("purge", run.id, "--output", "--yes")
    assert "was deleted after its purge" in refusal(cli, "diff", run.id, other.id, code=2)
