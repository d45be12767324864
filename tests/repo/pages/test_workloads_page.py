"""docs/workloads.md has a section for each shipped pipeline, and what it names is there."""

import re

import pytest

from pipeline.cli.samples.samples import SAMPLES
from tests.repo.pages.pipelines_page import ROOT, anchors

TEXT = (ROOT / "docs/workloads.md").read_text("utf-8")
PIPELINES = sorted(path.stem for path in (ROOT / "pipelines").glob("*.yaml"))
MOST_BYTES, MOST_LINES = 60_000, 40
PICTURES = sorted((ROOT / "docs/pictures").glob("*"))


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_has_a_section_and_a_row_in_the_readme(name):
    assert name in anchors(TEXT)
    assert f"- [{name}](#{name})" in TEXT
    assert f"| [{name}](docs/workloads.md#{name}) |" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_definition_that_people_copy_is_short(name):
    text = (ROOT / f"pipelines/{name}.yaml").read_text("utf-8")
    assert text.count("\n") < MOST_LINES


def test_files_and_samples_that_the_page_names_are_there():
    named = re.findall(r"(?:task_scripts|pipelines|docs)/[\w/.-]+", TEXT)
    linked = [f"docs/{path}" for path in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", TEXT)]
    assert not [path for path in (*named, *linked) if not (ROOT / path).exists()]
    assert {name for name in re.findall(r"fanfare sample ([\w-]+)", TEXT)} <= SAMPLES.keys()


def test_pictures_are_small_and_shown():
    assert not [path.name for path in PICTURES if path.stat().st_size > MOST_BYTES]
    assert not [path.name for path in PICTURES if f"](pictures/{path.name})" not in TEXT]
