"""The golden tests of the pipelines that Fanfare ships pass."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.cli.session import Session
from pipeline.cli.trying.golden.cases import CaseBody, Suite, Wanted
from pipeline.domain.catalogue.file import parse_document

ROOT = Path(__file__).parents[2]


def test_the_golden_tests_of_shipped_pipelines_pass(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    tested = CliRunner().invoke(app, ["test"], obj=Session())
    assert tested.exit_code == 0, tested.output
    assert "✔ word-count words-of-all-items" in tested.stdout
    assert "✔ key-search a-word-of-three-letters" in tested.stdout


def test_the_page_names_exactly_the_keys_that_cases_and_outputs_have():
    page = (ROOT / "docs/trying.md").read_text("utf-8")
    for title, model in (("a case", CaseBody), ("an output", Wanted)):
        keys = [field.alias or name for name, field in model.model_fields.items()]
        table = page.partition(f"| key of {title} |")[2]
        table = table.partition("\n\n")[0]
        assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == keys


def test_the_example_of_the_page_is_one():
    page = (ROOT / "docs/trying.md").read_text("utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    document = parse_document("trying.md", example.encode())
    assert not document.problems
    assert len(Suite.model_validate_json(json.dumps(document.data)).cases) == 3


def test_a_new_project_has_a_test_that_passes(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert CliRunner().invoke(app, ["init", str(tmp_path)]).exit_code == 0
    tested = CliRunner().invoke(app, ["test", "--project", str(tmp_path)], obj=Session())
    assert tested.exit_code == 0, tested.output
    tried = CliRunner().invoke(
        app,
        ["try", "shout", str(tmp_path / "samples/poem.txt"), "--project", str(tmp_path)],
        obj=Session(),
    )
    assert "ROSES ARE RED" in tried.stdout
