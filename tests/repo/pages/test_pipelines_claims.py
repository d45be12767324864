"""What `docs/pipelines.md` says besides its tables: numbers, and behaviour that may surprise.

Each test names the sentence that it checks. If the behaviour changes, the sentence must change.
"""

import json
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest
import yaml
from azure.storage.blob import UserDelegationKey

from pipeline.adapters import limits
from pipeline.adapters.batch.specs import Specs
from pipeline.adapters.identity.signatures import DelegationKeys, Signatures
from pipeline.cli.stack import config as local
from pipeline.domain.catalogue import catalogue, file
from pipeline.domain.catalogue.schema import pipeline_schema
from pipeline.domain.definitions import parameters, ticks
from pipeline.domain.definitions.pipeline import Tolerance
from pipeline.domain.definitions.trigger import Catchup, ScheduleTrigger
from pipeline.domain.outputs import reduce
from pipeline.domain.plans import arguments, delivery, split
from pipeline.domain.plans.plan import PlannedInput
from pipeline.domain.runs import announcement, manifest, naming
from pipeline.domain.texts import records
from pipeline.errors import Permanent
from pipeline.handlers.assembling import assemblers
from pipeline.handlers.planning import pages, splits, texts
from pipeline.handlers.starting import lost_events, tick
from pipeline.ports.batch import InputFile, TaskSpec
from pipeline.ports.blobs import MAX_PIECE
from pipeline.settings import Patience
from task_scripts.runtime import runner_attempt, runner_guard, runner_item, runner_receipt
from task_scripts.runtime.secrecy import runner_capture
from tests.repo.pages import pipelines_page as page
from tests.repo.pages.pipelines_runs import app_of, output_of, run_of, start
from tests.unit.handlers.nodes import times_out

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PROSE = " ".join(page.prose().split())
START = "trigger: {http: true}\npool: cpu\n"
FED = "trigger: {blob: {container: input, prefix: p/}}\npool: cpu\n"
NONE = "assemble: {none: {}}\n"
ONE = "split: {range: {stop: 1, step: 1}}\n"
WRITE = (
    "import os, pathlib\npathlib.Path(os.environ['FANFARE_OUTPUT'], 'line.txt').write_text('x')\n"
)


def says(sentence: str) -> None:
    """Check that the page has a sentence."""
    assert " ".join(sentence.split()) in PROSE


@pytest.mark.parametrize(
    "sentence",
    [
        f"at most {file.MAX_BYTES // KIB} KiB and {file.MAX_DEPTH} levels deep",
        f"a pipeline may have {catalogue.MAX_CHARACTERS:,} characters",
        f"A run has at most {split.MAX_ITEMS:,} items",
        f"Linux takes {arguments.LONGEST:,} bytes for one argument",
        f"all of them {arguments.ALL_TOGETHER:,}",
        f"and may have {arguments.LONGEST_PARAMETERS:,} bytes",
        f"The input is a [text](#what-a-text-is) of at most {texts.MAX_TEXT // MIB} MiB",
        f"a table of at most {texts.MAX_TEXT // MIB} MiB",
        f"The list has at most {texts.MAX_MANIFEST // MIB} MiB",
        f"A record has at most {records.MAX_RECORD // MIB} MiB",
        f"record of more than {records.MAX_RECORD // MIB} MiB",
        f"The file has at most {splits.MAX_ITEMS_JSON // MIB} MiB",
        f"Above {assemblers.STREAMED // MIB} MiB Storage joins up to {limits.MAX_BLOCKS:,} files",
        f"and a larger one as one for each {MAX_PIECE // MIB} MiB",
        f"at most {assemblers.MAX_PART // GIB} GiB of each file, and "
        f"{assemblers.MAX_STREAMED // GIB} GiB of all",
        f"a JSON object of at most {assemblers.MAX_JSON // MIB} MiB",
        f"Numbers count up to {reduce.LARGEST:g}".replace("e+", "e"),
        f"the first {runner_capture.HEAD_BYTES // KIB} KiB and the last "
        f"{runner_capture.TAIL_BYTES // KIB} KiB",
        f"A task's log has at most {runner_attempt.LOG_BYTES // MIB} MiB",
        f"The last {runner_receipt.TAIL_CHARACTERS:,} characters of a failed item",
        f"one receipt of {runner_receipt.RECEIPT_BYTES // MIB} MiB. "
        f"Count {runner_receipt.ITEM_BYTES} bytes",
        f"a name of more than {runner_item.MAX_NAME} characters",
        f"A `string` has at most {parameters.MAX_TEXT:,} characters, an `integer` at most "
        f"{parameters.MAX_DIGITS} digits",
        f"up to {manifest.MAX_MISSING:,} missing items",
        f"It has at most {announcement.MAX_BYTES:,} bytes. It names at most "
        f"{announcement.MAX_MISSING} missing items",
        f"at most {lost_events.MAX_STARTS} runs each time",
        f"nobody looked at for more than {ticks.LATE.seconds} seconds",
        f"up to {tick._AHEAD.seconds} seconds before its tick",
        f"a name of more than {naming._LONGEST_ALIAS} characters is cut",
        f"have to be at least {Patience().lost_event.seconds // 60} minutes old (locally "
        f"{local._PATIENCE_S['LOST_EVENT']} seconds)",
        f"did not arrive within {Patience().upload.seconds // 60} minutes (locally one)",
    ],
)
def test_numbers_of_the_page_are_those_of_the_code(sentence):
    says(sentence)


def test_a_killed_program_has_two_seconds():
    says("After `limits.item` the program gets SIGTERM, and two seconds later SIGKILL")
    assert runner_guard.GRACE_S == 2


def test_a_chain_has_at_most_nine_runs():
    says("A chain has at most nine runs; the tenth ends with `plan-failed`.")
    assert pages.MAX_DEPTH + 1 == 9  # the first has no depth


def test_an_output_lies_where_the_page_says():
    says("Its output is `output/shout/RUN/g1/loud.txt`")
    run = naming.run_id("shout", ("x",))
    there = naming.BlobRef("output", f"shout/{run}/g1/loud.txt")
    assert naming.Generation(run, 1).output("loud.txt") == there


def test_the_schema_wants_lists_where_the_loader_takes_a_text():
    says("an editor complains about `suffix: .txt`: write `suffix: [.txt]`")
    shout = yaml.safe_load(page.examples()[0].text)
    validator = jsonschema_rs.validator_for(pipeline_schema())
    assert validator.is_valid(shout)
    shout["trigger"]["blob"]["suffix"] = ".txt"
    assert not validator.is_valid(shout)


def ended(tmp_path, text, content=b"one\n", programs=None):
    """Run a pipeline to its end with the real runner."""
    app = app_of(tmp_path, {"p": text}, programs or {})
    start(app, "p", {"p/a.txt": content})
    app.settle()
    return app, run_of(app, "p")


def test_a_program_may_import_others(tmp_path):
    says("A Python file may import other files of `task_scripts/`: nodes get these with it")
    text = START + ONE + NONE + "task: {program: a.py}\n"
    _, run = ended(tmp_path, text, programs={"a.py": "import b\n", "b.py": "import c", "c.py": ""})
    assert run.state == "succeeded"


def test_what_a_program_does_not_import_is_not_there(tmp_path):
    says("No other file of `task_scripts/` is beside it")
    text = START + ONE + NONE + "task: {program: a.py}\n"
    _, run = ended(
        tmp_path, text, programs={"a.py": "__import__('b')\n", "b.py": "", "c.py": "import b"}
    )
    assert "No module named 'b'" in run.error


@pytest.mark.parametrize("task", ['{command: [echo, "{input}"]}', '{command: [echo, "{inputs}"]}'])
def test_placeholders_without_a_value_load_and_fail(tmp_path, task):
    says("the definition loads, but every item fails with `program-failed`")
    says("as an entry of `task.command` it is accepted, and every item fails")
    _, run = ended(tmp_path, START + ONE + NONE + f"task: {task}\n")
    assert (run.cause, run.failed) == ("program-failed", 1)
    assert "The item has no value for" in run.error


def test_a_request_without_the_input_that_a_split_needs_is_refused(tmp_path):
    says("A request that names none is refused then, and starts no run")
    text = START + NONE + "split: {lines: {}}\ntask: {command: ['true']}\n"
    app = app_of(tmp_path, {"p": text}, {})
    with pytest.raises(Permanent, match="splits its input"):
        start(app, "p", {})
    assert app.all_runs() == []


def test_items_that_batch_ended_before_they_finished_are_timed_out(tmp_path):
    says("Items that had finished count; the others fail with cause `timed-out`.")
    text = START + NONE + "split: {range: {stop: 3, step: 1}}\ntask: {command: ['true']}\n"
    app = app_of(tmp_path, {"p": text + "bundle: {items: 3}\n"}, {})
    app.execute = times_out(app)
    start(app, "p", {})
    app.settle()
    assert (run_of(app, "p").cause, run_of(app, "p").failed) == ("timed-out", 3)


def test_a_receipt_has_room_for_about_2300_items_with_a_file():
    says("With one small file an item, about 2,300 items fit, and not 10,000.")
    blob, digest = f"o-{'a' * 16}-0", "0" * 64
    output = {"name": "a.txt", "blob": blob, "offset": 99_000, "size": 100, "sha256": digest}
    listed = len(runner_receipt.encode([output]))
    says("150 bytes and the name for each file")
    assert abs(listed - len(output["name"]) - 150) < 10
    each = runner_receipt.ITEM_BYTES + listed
    assert 2240 < runner_receipt.RECEIPT_BYTES / each < 2400


class _Keys:
    """What gives out a key as Azure does."""

    def get_user_delegation_key(self, start, expiry):
        key = UserDelegationKey()
        key.signed_oid = key.signed_tid = "00000000-0000-0000-0000-000000000000"
        key.signed_start, key.signed_expiry = f"{start:%FT%TZ}", f"{expiry:%FT%TZ}"
        key.signed_service, key.signed_version, key.value = "b", "2026-10-06", "a2V5"
        return key


def test_a_request_carries_about_800_files():
    says("a task with more than about 800 files gets a list of them")
    says(f"A program takes at most {delivery.MOST_FILES:,} parts.")
    endpoint = "https://stabcdefghijklm.blob.core.windows.net"
    specs = Specs(Signatures(endpoint, DelegationKeys(_Keys())))
    until = datetime(2026, 9, 1, tzinfo=UTC)

    def files_of(count: int) -> list[PlannedInput]:
        names = naming.Generation(naming.run_id("media-encode", ()), 1, "0" * 32)
        addresses = [names.address(naming.unit_name(n)) for n in range(count)]
        urls = [names.output_of(one, f"o-{n:016x}-0").name for n, one in enumerate(addresses)]
        where = f"{endpoint}/{naming.WORK}"
        return [PlannedInput(file="parts/000000.mp4", name=u, url=f"{where}/{u}") for u in urls]

    many = files_of(1000)
    most = next(n for n in range(1000) if not delivery.fits_request(many[: n + 1]))
    assert 770 < most < 830
    files = [InputFile(file.url, file.file) for file in many[:most]]
    task = TaskSpec("assemble", "x", files, [], {}, timedelta(hours=1), until)
    assert 0.8 < len(json.dumps(specs.task(task).as_dict())) / delivery.CARRIED_BYTES < 1


def test_an_output_called_like_the_manifest_ends_the_run_too_late(tmp_path):
    says("No output may be called `manifest.json`: the run would end with `output-unusable`")
    text = START + ONE + "task: {program: w.py}\nassemble: {zip: {name: manifest.json}}\n"
    _, run = ended(tmp_path, text, programs={"w.py": WRITE})
    assert (run.cause, run.succeeded) == ("output-unusable", 1)


def test_the_tail_in_the_manifest_is_the_beginning_of_the_last_words(tmp_path):
    says("The manifest and the completion event have the first 500 of these, as `tail`.")
    text = START + ONE + NONE + "task: {program: p.py}\ntolerance: {failed_items: 1}\n"
    program = "for n in range(300):\n    print('line', n)\nraise SystemExit(3)\n"
    app, run = ended(tmp_path, text, programs={"p.py": program})
    (missing,) = json.loads(output_of(app, run, "manifest.json"))["missing"]
    assert len(missing["tail"]) == 500
    assert "exited with code 3" not in missing["tail"]


def test_no_file_at_all_cannot_be_reduced(tmp_path):
    says("as when all items failed and that was tolerated, the run fails")
    text = START + ONE + "task: {command: ['false']}\ntolerance: {failed_items: 100%}\n"
    _, run = ended(tmp_path, text + "assemble: {reduce: {name: a.json, fields: {x: sum}}}\n")
    assert (run.state, "no parts to reduce" in run.error) == ("failed", True)


def test_an_alias_by_the_name_of_no_input_is_latest(tmp_path):
    says("A run without an input uses `latest`")
    text = START + ONE + NONE + "task: {command: ['true']}\noutput: {alias: input-name}\n"
    app, _ = ended(tmp_path, text)
    assert app.world.blobs.head(naming.alias_latest("p"))


def test_a_share_is_not_rounded_up():
    says("`5%` of 10 items tolerates none")
    assert not Tolerance(failed_items="5%").allows(1, 10)


@pytest.mark.parametrize(
    ("cron", "zone", "day", "found"),
    [
        ("0 30,45 2 * * *", "Europe/Berlin", "2027-03-28", ["01:30", "01:45"]),
        ("0 30 2 * * *", "Europe/Berlin", "2027-10-31", ["00:30"]),
        ("0 15 * * * *", "Australia/Lord_Howe", "2026-10-03", ["14:45", "15:45", "16:15"]),
        ("0 15 * * * *", "Australia/Lord_Howe", "2026-04-04", ["14:15", "15:45"]),
    ],
)
def test_clock_changes_are_as_the_page_says(cron, zone, day, found):
    says("02:30 comes at 03:30, and 02:45 at 03:45")
    says("a time that comes twice fires the first time")
    says("fires at 01:15, 02:45 and 03:15 when they go forward, and after 01:15 at 02:15")
    schedule = ScheduleTrigger(cron=cron, time_zone=zone, catchup=Catchup.ALL)
    first, last = (datetime.fromisoformat(f"{day}T{time}:00Z") for time in (found[0], found[-1]))
    got = ticks.due_ticks(schedule, first - timedelta(minutes=1), last)
    assert [f"{tick:%H:%M}" for tick in got] == found


def test_skipping_drops_all_missed_ticks_but_the_first(tmp_path):
    says("`skip` drops all missed ticks but the first")
    text = "trigger: {schedule: {cron: '0 */10 * * * *', catchup: all}}\npool: cpu\n"
    app = app_of(tmp_path, {"p": text + ONE + NONE + "task: {command: ['true']}\n"}, {})
    tick.on_tick(app.engine)
    app.world.clock.advance(minutes=45)
    tick.on_tick(app.engine)
    assert len(app.all_runs()) == 1
