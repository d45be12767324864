"""What Bicep itself says of the templates, where it is installed; `make check` asks it the same."""

import json
import os
import re
import shutil
from itertools import pairwise

import pytest

from pipeline.cli.project import package
from pipeline.cli.target import definitions
from pipeline.domain.definitions.nodes.security import DiskTarget, Security
from pipeline.domain.pools.resource import pool_resources
from scripts import templates
from tests.infra.deployment import FILES, INFRA, ROOT

EVALUATED_FILES = sorted((ROOT / templates.SNAPSHOTS).glob("*.json"))
WARNING = "var unused = 1\n"
GENERATOR = {"name": "bicep", "version": "0.49.2.1234", "templateHash": "1"}


@pytest.fixture(scope="module")
def bicep():
    found = templates.compiler(os.environ)
    if not found:
        pytest.skip(templates.NO_COMPILER)
    return found


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(INFRA, tmp_path / "infra")


def program(folder, version):
    """Make a program that says its version as Bicep does."""
    path = folder / "bicep"
    path.write_text(f"#!/bin/sh\necho 'Bicep CLI version {version} (abcdef)'\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_compiler_has_no_complaint_and_what_it_makes_is_in_step(bicep):
    assert templates.problems(bicep) == []
    if not templates.comparable(bicep):
        pytest.skip("another version of Bicep made main.json and snapshots: they are not compared")


def test_each_kind_of_problem_is_found(bicep, copy):
    main = copy / "main.bicep"
    main.write_text(main.read_text("utf-8") + WARNING + "var  spaced = unused\n", "utf-8")
    (copy / "modules" / "workbook.bicep").write_text("param\n", "utf-8")
    found = "\n".join(templates.problems(bicep, copy))
    assert "Error no-unused-vars" in found
    assert "infra/modules/workbook.bicep(1,6) : Error BCP" in found
    assert "main.bicep: not as `bicep format` writes it" in found


def test_azures_types_have_the_properties_of_a_secured_pool(bicep, copy):
    everything = Security(
        trusted_launch=True, encryption_at_host=True, disk_encryption=tuple(DiskTarget)
    )
    cpu = definitions().pools["cpu"].model_copy(update={"security": everything})
    written = json.dumps(pool_resources({"cpu": cpu}))
    path = copy / "pools.json"
    path.write_text(written, "utf-8")
    assert templates.loaded(bicep, copy) == []
    path.write_text(written.replace('"TemporaryDisk"', '"Temporary"'), "utf-8")
    assert "TemporaryDisk" in "".join(templates.loaded(bicep, copy))


def test_another_compiled_template_is_found_and_written_anew(bicep, copy):
    compiled = copy / templates.COMPILED
    text = compiled.read_text("utf-8")
    changed = text.replace(templates.compiled_by(text), templates.version_of(bicep))
    compiled.write_text(changed.replace('"Hot"', '"Cool"'), "utf-8")
    template, complaints = templates.compiled(bicep, copy)
    assert complaints == []
    told = [t for t in templates.out_of_step(bicep, copy, template) if t.startswith("infra/main")]
    assert [one.rpartition(": ")[2] for one in told] == ["run `make render`"]
    templates.write(bicep, copy)
    assert '"Cool"' not in compiled.read_text("utf-8")


def test_a_snapshot_that_is_out_of_step_is_found(bicep, copy):
    if not templates.comparable(bicep):
        pytest.skip("another version of Bicep made the snapshots: they are not compared")
    network = copy / "modules" / "network.bicep"
    text = network.read_text("utf-8")
    assert "'VirtualNetwork'" in text
    network.write_text(text.replace("'VirtualNetwork'", "'Internet'"), "utf-8")
    found = "\n".join(templates.out_of_step(bicep, copy, templates.compiled(bicep, copy)[0]))
    told = {path.stem for path in EVALUATED_FILES if f"{path.name} is not what" in found}
    assert told == {"private", "all"}
    assert "infra/main.json is not what" in found


def test_what_templates_load_is_compared_with_azures_types(bicep, copy):
    """The compiler itself takes it as it is: `json` and `union` return anything."""
    for name, right, wrong in (
        ("pools.json", '"Pack"', '"pack"'),
        ("pools.json", '"vmSize"', '"targetNodeCommunicationMode"'),
        ("event-subscriptions.json", '"StorageQueue"', '"Queue"'),
    ):
        path = copy / name
        text = path.read_text("utf-8")
        assert right in text
        path.write_text(text.replace(right, wrong, 1), "utf-8")
    found = "\n".join(templates.loaded(bicep, copy))
    assert all(word in found for word in ("'pack'", "targetNodeCommunicationMode", "'Queue'"))


def test_what_another_version_compiles_is_not_compared(tmp_path):
    made = templates.compiled_by((INFRA / templates.COMPILED).read_text("utf-8"))
    assert templates.comparable(program(tmp_path, made))
    assert not templates.comparable(program(tmp_path, "9.9.9"))


def test_a_compiled_template_names_its_compiler_once_and_has_no_digest():
    nested = {"properties": {"template": {"metadata": {"_generator": GENERATOR}, "resources": []}}}
    template = {"metadata": {"_generator": GENERATOR}, "resources": [nested]}
    assert json.loads(templates.stable(json.dumps(template))) == {
        "metadata": {"_generator": {"name": "bicep", "version": "0.49.2"}},
        "resources": [{"properties": {"template": {"resources": []}}}],
    }


def test_bicep_is_the_one_that_is_named_else_the_one_on_the_path(tmp_path):
    path = program(tmp_path, "1.2.3")
    assert templates.compiler({"BICEP": path, "PATH": ""}) == path
    assert templates.compiler({"PATH": str(tmp_path)}) == path
    assert templates.compiler({"PATH": ""}) is None
    assert templates.version_of(path) == "1.2.3"


def test_a_named_bicep_that_is_not_there_is_an_error_and_no_skip(tmp_path):
    with pytest.raises(ValueError, match="which is no program: correct or unset it"):
        templates.compiler({"BICEP": str(tmp_path / "bicep"), "PATH": ""})


def test_every_rule_fails_except_those_that_say_why_they_are_off():
    lines = (INFRA / "bicepconfig.json").read_text("utf-8").splitlines()
    levels = [(i, line) for i, line in enumerate(lines) if '"level"' in line]
    assert len(levels) > 40
    for i, line in levels:
        reason = lines[i - 1].strip().startswith("// ")
        assert ('"error"' in line, reason) in ((True, False), (False, True)), line


def test_nothing_is_suppressed_without_a_reason_above_it():
    for path in FILES:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        for above, line in pairwise(["", *lines]):
            assert "#disable" not in line or above.startswith("// "), (path.name, line)


def test_a_project_gets_neither_the_rules_nor_what_was_made_of_pools_of_others(tmp_path):
    package._templates(tmp_path / "infra", {}, "{}")
    names = {path.name for path in INFRA.rglob("*.*")}
    made = {path.name for path in (tmp_path / "infra").rglob("*.*")}
    assert names - made == {templates.COMPILED, "bicepconfig.json", "environments.json"}
    assert json.loads((tmp_path / "infra" / "pools.json").read_text("utf-8")) == []


def test_the_workflow_has_the_compiler_that_made_main_json():
    text = (ROOT / ".github" / "workflows" / "infra.yml").read_text("utf-8")
    made = templates.compiled_by((INFRA / templates.COMPILED).read_text("utf-8"))
    assert set(re.findall(r"az bicep install --version v([\d.]+)", text)) == {made}
