"""What `docs/pipelines.md` says besides its tables: numbers, and behaviour that may surprise.

Each test names the sentence that it checks. If the behaviour changes, the sentence must change.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest
import yaml

from pipeline.adapters import limits
from pipeline.adapters.batch.specs import Specs
from pipeline.cli.stack import config as local
from pipeline.domain.catalogue import catalogue, file
from pipeline.domain.catalogue.schema import pipeline_schema
from pipeline.domain.definitions import parameters, ticks
from pipeline.domain.definitions.pipeline import Tolerance
from pipeline.domain.definitions.trigger import ScheduleTrigger
from pipeline.domain.outputs import concatenate, reduce
from pipeline.domain.plans import split
from pipeline.domain.runs import announcement, manifest, naming
from pipeline.handlers.assembling import assemblers
from pipeline.handlers.planning import pages, splits
from pipeline.handlers.starting import lost_events, tick
from pipeline.ports.batch import InputFile, TaskSpec
from pipeline.settings import Patience
from task_scripts import runner, runner_guard, runner_item
from tests.fakes.batch import Outcome
from tests.repo.pages import pipelines_page as page
from tests.repo.pages.pipelines_runs import app_of, items_of, output_of, run_of, start

KIB, MIB = 1 << 10, 1 << 20
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
        f"A run has at most {split.MAX_ITEMS:,} items, and a parameter of an item at most "
        f"{split.MAX_VALUE:,} characters",
        f"UTF-8 text of at most {splits.MAX_TEXT // MIB} MiB",
        f"The file has at most {splits.MAX_ITEMS_JSON // MIB} MiB",
        f"Above {assemblers.STREAMED // MIB} MiB Storage joins up to "
        f"{assemblers.MAX_COMPOSED:,} files",
        f"A header has at most {concatenate.MAX_HEADER // MIB} MiB",
        f"a JSON object of at most {assemblers.MAX_JSON // MIB} MiB",
        f"Numbers count up to {reduce.LARGEST:g}".replace("e+", "e"),
        f"the first {runner_guard.HEAD_BYTES // KIB} KiB and the last "
        f"{runner_guard.TAIL_BYTES // KIB} KiB",
        f"A task's log has at most {runner.LOG_BYTES // MIB} MiB",
        f"The last {runner.TAIL_CHARACTERS:,} characters of a failed item",
        f"one receipt of {runner.RECEIPT_BYTES // MIB} MiB. Count {runner._ITEM_BYTES} bytes",
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


@pytest.mark.parametrize(("characters", "state"), [(21_700, "succeeded"), (21_900, "failed")])
def test_many_characters_outside_ascii_are_too_long_for_linux(tmp_path, characters, state):
    says("So an item with about 21,800 such characters is planned, and then fails")
    text = FED + NONE + "split: {lines: {}}\ntask: {command: ['true']}\n"
    _, run = ended(tmp_path, text, ("é" * characters).encode())
    assert run.state == state
    assert ("Argument list too long" in run.error) is (state == "failed")


def test_a_parameter_of_one_line_an_item_gives_line(tmp_path):
    says('`lines_per_item: "{n}"` always gives `{lines}` to the definition')
    text = FED + NONE + 'split: {lines: {lines_per_item: "{n}"}}\n'
    text += "parameters: {n: {type: integer, default: 1}}\n"
    app, run = ended(tmp_path, text + 'task: {command: [echo, "{lines}"]}\n')
    assert "line" in items_of(app, run)[0]
    assert run.cause == "program-failed"


def test_a_program_with_another_ending_is_not_deployed(tmp_path):
    says(
        "The loader accepts a file with another ending, but each run of it ends with `plan-failed`"
    )
    text = START + ONE + NONE + "task: {program: work.sh}\n"
    assert ended(tmp_path, text, programs={"work.sh": "true\n"})[1].cause == "plan-failed"


def test_a_program_may_import_others(tmp_path):
    says("It may import other files of `task_scripts/`: nodes get these with it")
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


def test_a_request_without_the_input_that_a_split_needs_fails(tmp_path):
    says("A request that names no input ends with `plan-failed`")
    text = START + NONE + "split: {lines: {}}\ntask: {command: ['true']}\n"
    assert ended(tmp_path, text)[1].cause == "plan-failed"


def test_a_task_that_batch_ends_takes_its_finished_items_with_it(tmp_path):
    says("All its items then count as failed, with cause `timed-out`, even those that had finished")
    text = START + NONE + "split: {range: {stop: 3, step: 1}}\ntask: {command: ['true']}\n"
    app = app_of(tmp_path, {"p": text + "bundle: {items: 3}\n"}, {})
    app.execute = lambda _spec: Outcome(None, "MaxWallClockTimeExpiry", "usererror", "ended")
    start(app, "p", {})
    app.settle()
    assert (run_of(app, "p").cause, run_of(app, "p").failed) == ("timed-out", 3)


def test_a_receipt_has_room_for_about_2300_items_with_a_file():
    says("With one small file an item, about 2,300 items fit, and not 10,000.")
    output = {"name": "line.txt", "blob": f"o-{'a' * 16}-1000", "size": 100, "sha256": "0" * 64}
    listed = len(runner.encode([output]))
    says("140 bytes and the name for each file")
    assert abs(listed - len(output["name"]) - 140) < 10
    each = runner._ITEM_BYTES + listed
    assert 2250 < runner.RECEIPT_BYTES / each < 2400


def test_a_task_takes_about_2600_files():
    says("That is about 2,600 files")
    node = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-production"
    node += "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-node-abcdefghijklm"
    specs = Specs("https://stabcdefghijklm.blob.core.windows.net", node)

    def size(count: int) -> int:
        blob = naming.Generation(naming.run_id("media-encode", ()), 1).output_of
        urls = [blob(naming.unit_name(n), f"o-{n:016x}-0").name for n in range(count)]
        files = [
            InputFile(f"{specs._blob_endpoint}/work/{url}", "parts/000000.mp4") for url in urls
        ]
        task = TaskSpec("assemble", "x", files, [], {}, timedelta(hours=1))
        return len(json.dumps(specs.task(task).as_dict()))

    assert 2500 < 1_000_000 / ((size(200) - size(100)) / 100) < 2750


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


def test_an_output_without_a_suffix_starts_three_runs(tmp_path):
    says("Without one, a run of `shout` starts three runs")
    first = FED + 'split: {blobs: {}}\ntask: {command: [cp, "{input}", "{output}/x"]}\n' + NONE
    then = first.replace("container: input, prefix: p/", "container: output, prefix: p/")
    app = app_of(tmp_path, {"p": first, "then": then}, {})
    start(app, "p", {"p/a.txt": b"x"})
    app.settle()
    names = [run.input.name for run in app.all_runs() if run.pipeline == "then"]
    ends = sorted(re.sub(r"p-\w{20}", "RUN", name) for name in names)
    assert ends == ["p/RUN/g1/manifest.json", "p/RUN/g1/x", "p/latest/manifest.json"]


def test_a_share_is_not_rounded_up():
    says("`5%` of 10 items tolerates none")
    assert not Tolerance(failed_items="5%").allows(1, 10)


def test_clock_changes_are_as_the_page_says():
    says("02:30 comes at 03:30. When they go back, a time that comes twice fires the first time.")
    text = '{"cron": "0 30 2 * * *", "time_zone": "Europe/Berlin", "catchup": "all"}'
    schedule = ScheduleTrigger.model_validate_json(text)
    spring, autumn = datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)
    day = timedelta(hours=20)
    assert ticks.due_ticks(schedule, spring, spring + day) == [spring.replace(hour=1, minute=30)]
    assert ticks.due_ticks(schedule, autumn, autumn + day) == [autumn.replace(hour=0, minute=30)]


def test_skipping_drops_all_missed_ticks_but_the_first(tmp_path):
    says("`skip` drops all missed ticks but the first")
    text = "trigger: {schedule: {cron: '0 */10 * * * *', catchup: all}}\npool: cpu\n"
    app = app_of(tmp_path, {"p": text + ONE + NONE + "task: {command: ['true']}\n"}, {})
    tick.on_tick(app.engine)
    app.world.clock.advance(minutes=45)
    tick.on_tick(app.engine)
    assert len(app.all_runs()) == 1


def test_a_blob_takes_as_many_blocks_as_are_composed():
    assert assemblers.MAX_COMPOSED == limits.MAX_BLOCKS
