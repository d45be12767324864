import os
import time
from pathlib import Path

import pytest

from pipeline.domain.catalogue.catalogue import DefinitionError, load_catalogue
from pipeline.domain.definitions.pipeline import Pipeline
from tests.depth import more
from tests.patience import stretched
from tests.unit.domain.conftest import PIPELINE, POOL

ROOT = Path(__file__).parents[4]


def test_a_good_pipeline_loads_and_is_named_by_its_file(workshop):
    workshop.pipeline("demo")
    catalogue = workshop.load()
    assert list(catalogue.pipelines) == ["demo"]
    assert catalogue.pipelines["demo"].trigger.blob.suffix == (".mp4",)
    assert catalogue.pools["cpu"].slots == 2


def test_the_name_of_the_smoke_is_reserved(workshop):
    workshop.pipeline("fanfare-smoke")
    with pytest.raises(DefinitionError, match="belongs to `fanfare smoke`: rename the file"):
        workshop.load()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("pool: cpu", "pol: cpu", "11: pol: unknown key; did you mean 'pool'?"),
        ("pool: cpu", "", "1: pool: is required but missing"),
        (
            "pool: cpu",
            "name: x\npool: cpu",
            "11: name: unknown key: the name of the file is the name",
        ),
        ("pool: cpu", "pool: cpus", "11: pool: there is no pools/cpus.yaml; did you mean 'cpu'?"),
        ("pool: cpu", "pool: ../cpu", "11: pool: '../cpu' is not a name of lower-case letters"),
        ("pool: cpu", "pool: cpu\npriority: 2000", "12: priority: must be at most 1000"),
        ("pool: cpu", "pool: cpu\npriority: high", "12: priority: must be a whole number"),
        ("pool: cpu", "pool: cpu\npriority: true", "12: priority: must be a whole number"),
        ("pool: cpu", "pool: cpu\nbundle: {items: 0}", "12: bundle.items: must be at least 1"),
        ("pool: cpu", "pool: cpu\nbundle: 5", "12: bundle: must be a mapping of keys to values"),
        ("pool: cpu", "pool: cpu\nlimits: {item: 10}", "12: limits.item: 10 is not a duration"),
        (
            "pool: cpu",
            "pool: cpu\nlimits: {item: 2h}",
            "12: limits: item 2h is longer than task 1h",
        ),
        ("pool: cpu", "pool: cpu\nretries: {node-losd: 1}", "did you mean 'node-lost'?"),
        ("pool: cpu", "pool: cpu\nretries: {cancelled: 1}", "12: retries.cancelled: unknown key"),
        (
            "pool: cpu",
            "pool: cpu\noutput: {alias: lastest}",
            "12: output.alias: 'lastest' is not one of latest, input-name, none; "
            "did you mean 'latest'?",
        ),
        (
            "pool: cpu",
            "pool: cpu\ntolerance: {failed_items: 101%}",
            "12: tolerance.failed_items: '101%' is not a number of items or a share",
        ),
        (
            "encode.py",
            "encoder.py",
            "8: task.program: there is no task_scripts/encoder.py; did you",
        ),
        ("encode.py", "runner.py", "8: task.program: runner.py belongs to the engine"),
        ("encode.py", "runner_pack.py", "8: task.program: runner_pack.py belongs to the engine"),
        ("encode.py", "../encode.py", "8: task.program: '../encode.py' is not a plain file name"),
        ("concat.py", "concatt.py", "13: assemble.program.program: there is no"),
        ("environment: media", "environment: medai", "10: task.environment: there is no"),
        (
            "environment: media",
            "slots: 3",
            "10: task.slots: 3 slots never fit: a node of cpu has 2",
        ),
        (
            "environment: media",
            "memory: 9g",
            "10: task.memory: 9g never fits: a node of cpu has 7g for tasks",
        ),
        ("environment: media", "memory: 1.5g", "10: task.memory: '1.5g' is not a size in whole"),
        (
            "environment: media",
            "disk: 9g",
            "10: task.disk: pools/cpu.yaml does not say what a node has: add disk to it",
        ),
        ("environment: media", "command: [x]", "7: task: takes exactly one of program, command"),
        ('"{crf}"', '"{crv}"', "9: task.arguments[2]: there is no placeholder {crv} here; did you"),
        ('"{crf}"', '"{crf"', "9: task.arguments[2]: '{crf' has a stray {"),
        ('"{crf}"', '"x{inputs}"', "9: task.arguments[2]: {inputs} expands to several"),
        ('"{crf}"', "23", "9: task.arguments[2]: must be text: put it in quotes"),
        ('"{crf}"', r'"\0"', "9: task.arguments[2]: contains a NUL"),
        (
            '"{parts}"',
            '"{start}"',
            "13: assemble.program.arguments[0]: there is no placeholder {start}",
        ),
        ("step: 33", "step: 0", "6: split.frames.step: must be at least 1"),
        ("step: 33", 'step: "{crv}"', "6: split.frames.step: there is no parameter crv; did you"),
        ("step: 33", "step: 3.5", "6: split.frames.step: 3.5 is not a whole number or a"),
        ("frames:", "frame:", "6: split.frame: unknown key; did you mean 'frames'?"),
        ("step: 33}", "step: 33}\n  lines: {}", "5: split: takes exactly one of blobs, range, "),
        (
            "container: input",
            "container: work",
            "2: trigger.blob.container: container work belongs",
        ),
        ("container: input", "container: My_Box", "2: trigger.blob.container: 'My_Box' is not a"),
        ("suffix: .mp4", "apis: PutBlock", "did you mean 'PutBlockList'?"),
        ("type: integer", "type: int", "4: parameters.crf.type: 'int' is not one of integer"),
        ("default: 23", "default: 99", "4: parameters.crf: the default 99 is above the maximum 51"),
        ("default: 23", "default: x", "the default 'x' is not a whole number"),
        ("  crf: {", "  Crf: {", "4: parameters.Crf: 'Crf' is not a parameter name"),
        ("  crf: {", "  start: {", "4: parameters.start: the split's items already have it"),
        ("  crf: {", "  output: {", "4: parameters.output: {output} already has a meaning"),
    ],
)
def test_a_wrong_definition_names_file_line_key_and_reason(workshop, old, new, problem):
    workshop.changed(old, new)
    found = workshop.problems()
    assert any(line.startswith("pipelines/demo.yaml:") and problem in line for line in found), found


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        ("{}", "1: trigger: nothing starts this pipeline"),
        ("{http: false}", "1: trigger: nothing starts this pipeline"),
        ("{schedule: {cron: 6 * * *}}", "1: trigger.schedule.cron: '6 * * *' has 4 fields"),
        (
            "{schedule: {cron: 0 0 6 * * *, time_zone: Europe/Berln}}",
            "1: trigger.schedule.time_zone: 'Europe/Berln' is not a time zone; "
            "did you mean 'Europe/Berlin'?",
        ),
        ("{schedule: {cron: 0 0 6 * * *, time_zone: ../../etc/passwd}}", "is not a time zone"),
        ("{schedule: {cron: 0 0 6 * * *}}", "5: split.frames: needs an input blob, but a schedule"),
    ],
)
def test_a_wrong_trigger_is_explained(workshop, trigger, problem):
    workshop.changed(PIPELINE.partition("parameters")[0], f"trigger: {trigger}\n")
    assert any(problem in line for line in workshop.problems())


def test_a_schedule_needs_a_default_for_every_parameter(workshop):
    text = PIPELINE.replace("  blob:", "  schedule: {cron: 0 0 6 * * *}\n  blob:")
    workshop.pipeline("demo", text.replace(" default: 23,", ""))
    assert workshop.problems() == [
        "pipelines/demo.yaml:5: parameters.crf: needs a default, because a schedule gives no "
        "parameters"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "pipelines/demo.yaml: is empty"),
        (b"- a\n", "pipelines/demo.yaml:1: is not a mapping"),
        (b"pool: cpu\npool: gpu\n", ":2: pool: is given twice; first in line 1"),
        (b"a: {b: {c: 1,\n c: 2}}", ":2: a.b.c: is given twice; first in line 1"),
        (b"a: &x 1\nb: *x\n", ":1: anchors and aliases are not allowed"),
        (b"a: [" + b"[" * 100_000, "is nested deeper than 20 levels"),
        (b"a: !!python/object:os.system x\n", ":1: a: the tag tag:yaml.org,2002:python/object"),
        (b"a: [1\nb: 2\n", "is not valid YAML: "),
        (b"a: \xff\n", "is not UTF-8 text"),
        (b"a: \x01\n", "contains a character that is not allowed"),
        (b"a: .inf\n", ":1: a: .inf is not a finite number"),
        (b"a: 1e999\n", ":1: a: 1e999 is not a finite number"),
        (b"a: " + b"9" * 5000, ":1: a: a number may have at most 18 digits"),
        (b"? [a]\n: 1\n", ":1: a key is not text"),
        (b"---\na: 1\n---\nb: 2\n", "is not valid YAML"),
        (b"#" * (256 * 1024 + 1), "is larger than 256 KiB"),
    ],
)
def test_a_file_that_is_not_a_definition_is_refused(workshop, text, problem):
    workshop.pipeline("demo", text)
    assert any(problem in found for found in workshop.problems())


def test_problems_of_form_of_keys_and_of_meaning_come_at_once(workshop):
    text = PIPELINE.replace("pool: cpu", "pool: cpu\npool: gpu\ncolour: red\nlimits: {item: 0s}")
    workshop.pipeline("demo", text.replace("{crf}", "{cfr}").replace("media", "medai"))
    assert [found.split(": ")[1] for found in workshop.problems()] == [
        "pool",
        "colour",
        "limits.item",
        "task.arguments[2]",
        "task.environment",
    ]


def test_a_container_and_a_pipeline_that_are_not_there_are_told_beside_mistakes_of_keys(workshop):
    text = PIPELINE.replace("container: input, suffix: .mp4}", "container: inptu}\n  run: encoed")
    workshop.pipeline("demo", text + "colour: red\n")
    found = workshop.problems()
    assert [line.split(": ")[1] for line in found] == [
        "colour",
        "trigger.blob.container",
        "trigger.run",
    ]
    assert "there is no container inptu (docs/deploy.md: how to add one)" in found[1]


def test_what_refers_to_something_wrong_is_not_blamed_for_it(workshop):
    workshop.changed("type: integer", "type: intger")
    (found,) = workshop.problems()
    assert "parameters.crf.type" in found


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n" * more(8_000, 50_000),
        "".join(f"k{number}: 1\n" for number in range(more(5_000, 25_000))),
    ],
)
def test_a_large_file_of_problems_is_told_in_short_and_in_time(workshop, text):
    workshop.pipeline("demo", text.encode()[: 256 * 1024])
    began = time.process_time()
    found = workshop.problems()
    assert time.process_time() - began < stretched(more(3, 15))  # quadratic, it was minutes
    assert len(found) == 51
    assert found[-1] == "pipelines/demo.yaml: has more problems: mend these first"


def test_a_pipe_is_no_definition_and_keeps_nobody_waiting(workshop):
    os.mkfifo(workshop.root / "pipelines/demo.yaml")
    assert workshop.problems() == ["pipelines/demo.yaml: is not a regular file"]


def test_all_problems_of_all_files_come_at_once(workshop):
    workshop.changed("pool: cpu", "pol: cpu", name="one")
    workshop.changed("step: 33", "step: 0", name="two")
    workshop.pool("cpu", POOL.replace("slots", "slot"))
    places = [line.split(": ")[0] for line in workshop.problems()]
    assert set(places) >= {"pipelines/one.yaml:11", "pipelines/two.yaml:6", "pools/cpu.yaml:3"}


def test_a_broken_pool_is_not_also_reported_as_missing(workshop):
    workshop.pipeline("demo")
    workshop.pool("cpu", POOL.replace("slots", "slot"))
    assert workshop.problems() == ["pools/cpu.yaml:3: slot: unknown key; did you mean 'slots'?"]


def test_a_file_name_that_is_not_a_name_is_refused(workshop):
    workshop.pipeline("Media_Encode")
    (found,) = workshop.problems()
    assert found.startswith("pipelines/Media_Encode.yaml:1: name: 'Media_Encode' is not a name")


def test_the_ending_yml_is_pointed_out(workshop):
    (workshop.root / "pipelines/demo.yml").touch()
    assert workshop.problems() == ["pipelines/demo.yml: rename it to demo.yaml"]


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(Exception, match="pools: the folder does not exist"):
        load_catalogue(tmp_path / "pipelines", tmp_path / "pools", tmp_path)


def follow(workshop, name, before):
    workshop.changed("blob: {container: input, suffix: .mp4}", f"run: {before}", name=name)


def test_a_pipeline_that_would_start_itself_is_refused(workshop):
    follow(workshop, "a", "a")
    assert workshop.problems() == [
        "pipelines/a.yaml:2: trigger.run: its runs would start the pipeline itself: a → a"
    ]


def test_a_pipeline_that_follows_an_unknown_one_is_refused(workshop):
    workshop.pipeline("encode")
    follow(workshop, "a", "encoed")
    assert workshop.problems() == [
        "pipelines/a.yaml:2: trigger.run: there is no pipelines/encoed.yaml; did you mean 'encode'?"
    ]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (", prefix: a/", "trigger: {run: a}"),
        (", prefix: a/, suffix: /all.txt", "trigger: {run: {pipeline: a, file: all.txt}}"),
        ("", "trigger: {run: NAME}"),
    ],
)
def test_a_trigger_on_outputs_is_refused_with_the_line_to_write_instead(workshop, more, line):
    workshop.changed("container: input, suffix: .mp4", f"container: output{more}", name="b")
    (found,) = workshop.problems()
    assert found.startswith("pipelines/b.yaml:2: trigger.blob.container: ")
    assert found.endswith(f"write `{line}`")


def test_a_circle_of_pipelines_is_refused_once(workshop):
    for name, before in (("a", "c"), ("b", "a"), ("c", "b")):
        follow(workshop, name, before)
    (found,) = workshop.problems()
    assert found.endswith("would start the pipeline itself: a → b → c → a")


def test_a_chain_with_an_end_is_fine(workshop):
    workshop.pipeline("a")
    follow(workshop, "b", "a")
    assert set(workshop.load().pipelines) == {"a", "b"}


def test_words_that_older_yaml_reads_as_booleans_are_text(workshop):
    workshop.changed("suffix: .mp4", "suffix: [no, on, 1:30, 007]")
    blob = workshop.load().pipelines["demo"].trigger.blob
    assert blob.suffix == ("no", "on", "1:30", "007")


def test_a_definition_round_trips_through_json(workshop):
    workshop.changed("pool: cpu", "pool: cpu\nretries: {node-lost: 5}\nlimits: {item: 90s}")
    pipeline = workshop.load().pipelines["demo"]
    assert Pipeline.from_json(pipeline.to_json()) == pipeline.settled()


def test_the_definitions_of_this_repository_load():
    catalogue = load_catalogue(ROOT / "pipelines", ROOT / "pools", ROOT / "task_scripts")
    assert {"media-encode", "option-pricing"} <= set(catalogue.pipelines)
    for pipeline in catalogue.pipelines.values():
        assert Pipeline.from_json(pipeline.to_json()) == pipeline.settled()


def test_a_definition_that_the_ledger_cannot_hold_is_refused(workshop):
    workshop.changed('"{crf}"', ", ".join(["x" * 8000] * 4))
    (problem,) = workshop.problems()
    assert problem.startswith("pipelines/demo.yaml:1: ")
    assert "characters" in problem
    assert "30,000" in problem


def test_more_runs_at_once_than_their_row_can_name_are_refused(workshop):
    workshop.changed("pool: cpu", "pool: cpu\nmax_concurrent_runs: 201")
    (problem,) = workshop.problems()
    assert (
        "12: max_concurrent_runs: must be at most 200: one row of the ledger names all" in problem
    )
