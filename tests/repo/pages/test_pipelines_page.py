"""`docs/pipelines.md` names exactly the keys, placeholders and variables that exist."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from emulators.batch.agent.environment import Place, environment
from pipeline.cli.registry import ENTRIES
from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.catalogue.file import UnreadableFile, parse_document
from pipeline.domain.definitions import types
from pipeline.domain.definitions.parameters import ScalarValue
from pipeline.domain.definitions.pipeline import Alias, Tolerance
from pipeline.domain.definitions.secrets import SecretOrName
from pipeline.domain.definitions.splits import Split
from pipeline.domain.definitions.stages import Reduction
from pipeline.domain.notation.durations import Duration
from pipeline.domain.notation.placeholders import RESERVED
from tests.repo.pages import pipelines_page as page
from tests.repo.pages.definition_keys import Key, pipeline_keys, pool_keys
from tests.repo.pages.pipelines_page import ROOT
from tests.repo.pages.pipelines_runs import app_of, output_of, run_of, start, write


def rows_of(*, pools: bool) -> list[Key]:
    """Return the rows of the tables of keys, of pipelines or of pools."""
    found = []
    for heading, section in page.sections():
        if (heading == "Pools") is pools:
            found += [row for rows in page.tables(section) if page.is_of_keys(rows) for row in rows]
    return [Key(row["key"].strip("`"), row["type"], row["default"], row["bounds"]) for row in found]


@pytest.mark.parametrize(
    ("there", "rows"),
    [(pipeline_keys(), rows_of(pools=False)), (pool_keys(), rows_of(pools=True))],
    ids=["pipeline", "pool"],
)
def test_every_key_has_one_row_with_its_type_default_and_bounds(there, rows):
    shown = {row.path: row for row in rows}
    assert len(shown) == len(rows), "a key has two rows"
    assert set(shown) == set(there)
    assert [shown[path] for path in there] == list(there.values())


def test_every_key_has_a_meaning():
    rows = [row for rows in page.tables() if page.is_of_keys(rows) for row in rows]
    assert len(rows) > 100
    assert not [row["key"] for row in rows if not row["meaning"]]


TYPES: dict[str, TypeAdapter] = {
    "text": TypeAdapter(types.Argument),
    "name": TypeAdapter(types.Name),
    "file name": TypeAdapter(types.FileName),
    "output name": TypeAdapter(types.OutputName),
    "parameter name": TypeAdapter(types.ParameterName),
    "container name": TypeAdapter(types.ContainerName),
    "whole number": TypeAdapter(int),
    "number": TypeAdapter(float),
    "true or false": TypeAdapter(bool),
    "value": TypeAdapter(ScalarValue),
    "count": TypeAdapter(types.Count),
    "duration": TypeAdapter(Duration),
    "number or share": TypeAdapter(Tolerance.model_fields["failed_items"].rebuild_annotation()),
    "date": TypeAdapter(date),
    "secret": TypeAdapter(SecretOrName),
}


def accepts(kind: str, written: str) -> bool:
    """Return whether a value, as a file spells it, has a type."""
    try:
        value = parse_document("f", f"x: {written}".encode()).data["x"]
        strict = kind != "date"  # a date comes as text
        TYPES[kind].validate_python(value, strict=strict)
    except (UnreadableFile, ValidationError):
        return False
    return True


def test_types_are_written_as_the_page_says():
    rows = page.table("type", "written as")
    assert {row["type"] for row in rows} == {*TYPES, "word", "mapping"}
    for row in rows:
        for column, good in (("for example", True), ("refused", False)):
            for written in re.findall(r"`([^`]+)`", row[column]):
                assert accepts(row["type"], written) is good, (row["type"], written)


def test_every_type_of_a_key_is_explained():
    known = {row["type"] for row in page.table("type", "written as")}
    used = {key.type for key in (*pipeline_keys().values(), *pool_keys().values())}
    single = {re.sub(r",? ?(or a )?list of.*", "", kind) or kind for kind in used}
    lists = {kind.removeprefix("list of ").removesuffix("s") for kind in single}
    assert lists == known


@pytest.mark.parametrize(
    ("header", "there"),
    [
        ("split", set(Split.model_fields)),
        ("reduction", set(Reduction)),
        ("`alias`", set(Alias)),
    ],
)
def test_every_choice_is_explained(header, there):
    cells = [row[header] for row in page.table(header)]
    assert {word for cell in cells for word in re.findall(r"`(\w[\w-]*)", cell)} == there


STAGES: dict[str, Callable[[str], str]] = {
    "in `task`": lambda a: f"task: {{program: shout.py, arguments: [{a}]}}",
    "in `split.program`": lambda a: f"split: {{program: {{program: cut.py, arguments: [{a}]}}}}",
    "in `assemble.program`": lambda a: (
        f"assemble: {{program: {{program: join.py, arguments: [{a}]}}}}"
    ),
}
PLAIN = {
    "trigger": "trigger: {http: true}",
    "parameters": "parameters: {name: {type: string, default: x}}",
    "split": "split: {lines: {}}",
    "task": "task: {command: [x]}",
    "pool": "pool: cpu",
    "assemble": "assemble: {none: {}}",
}


def loads(folder: Path, part: str) -> bool:
    """Return whether a definition with this part loads."""
    parts = {**PLAIN, part.partition(":")[0]: part}
    try:
        write(folder, {"p": "\n".join(parts.values())}, page.files("task_scripts"))
    except DefinitionError as error:
        assert "there is no placeholder" in str(error)
        return False
    return True


def test_placeholders_may_stand_where_the_page_says(tmp_path_factory):
    rows = page.table("placeholder")
    assert {row["placeholder"].strip("`{}") for row in rows} == {
        *RESERVED, "line}`, `{start}`, …", "NAME",
    }  # fmt: skip
    for row in rows:
        name = re.findall(r"\{(\w+)\}", row["placeholder"])[0].replace("NAME", "name")
        for column, stage in STAGES.items():
            there = loads(tmp_path_factory.mktemp("d"), stage(f'"{{{name}}}"'))
            assert row[column] == ("yes" if there else "no"), (row["placeholder"], column)


def variables(prefix: str) -> set[str]:
    """Return the variables that the page lists."""
    cells = [row["variable"] for rows in page.tables() if "variable" in rows[0] for row in rows]
    return {name for cell in cells for name in re.findall(rf"`({prefix}\w+)`", cell)}


def test_the_page_lists_the_variables_that_the_runner_sets(tmp_path):
    command = "[sh, -c, 'env > $FANFARE_OUTPUT/env']"
    text = "\n".join({**PLAIN, "split": "split: {range: {stop: 1, step: 1}}"}.values())
    app = app_of(tmp_path, {"p": text.replace("[x]", command)}, {})
    start(app, "p", {})
    app.settle()
    written = output_of(app, run_of(app, "p"), "env").decode()
    set_there = re.findall(r"^(FANFARE_\w+)=", written, re.MULTILINE)
    assert variables("FANFARE_") == {*set_there, "FANFARE_INPUT_URL"}  # with delivery url
    assert variables("TRACE") == {"TRACEPARENT"}
    assert f"TRACEPARENT={run_of(app, 'p').traceparent}\n" in written


def test_the_page_lists_the_variables_that_the_local_stack_sets():
    root = Path("/n")
    place = Place("a", "http://a", "p", "n", True, root, root / "t", "/bin", "j", "t", root / "jp")
    there = environment(place, [])
    assert variables("AZ_BATCH_") | {"PATH", "HOME"} == set(there)


def test_the_page_names_no_other_variable():
    named = set(re.findall(r"FANFARE_[A-Z_]+", page.text()))
    assert named == variables("FANFARE_")


def test_every_block_of_data_is_introduced():
    """A reader does not see the text after the language of a block."""
    for words, before in page.introductions():
        kind, _, name = words.partition(" of ")[0].partition(" ")
        shown = {"items": " item", "names": "output"}.get(kind, Path(name or kind).name)
        assert shown in before, words


def test_links_lead_somewhere():
    for file, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page.text()):
        target = ROOT / "docs" / file if file else page.PAGE
        assert target.exists(), file
        assert not anchor or anchor in page.anchors(target.read_text("utf-8")), (file, anchor)


def test_files_that_the_page_names_are_there_or_on_the_page():
    shown = {example.path for example in page.examples()}
    shown |= {f"task_scripts/{name}" for name in page.files("task_scripts")}
    folders = "pipelines|pools|task_scripts|infra|docs|tests"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]+\.(?:yaml|py|json|md))`", page.prose()))
    named -= {"pipelines/NAME.yaml", "pools/NAME.yaml"}
    assert {"pipelines/media-encode.yaml", "pools/cpu.yaml"} <= named
    assert not [name for name in named if name not in shown and not (ROOT / name).exists()]


def test_commands_that_the_page_names_are_there():
    commands = set(ENTRIES)
    shown = set(re.findall(r"fanfare ([a-z]+)\b", page.text()))
    assert {"up", "plan", "run"} <= shown <= commands
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([\w-]+)`", page.text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_programs_are_python():
    programs = [block for block in page.blocks() if block.language == "python"]
    assert len(programs) >= len(page.files("task_scripts"))
    for block in programs:
        compile(block.content, "page", "exec")
