"""The example of the README is true: it loads, plans a real text, and its program runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.cli.preview import Preview, local_source, preview
from pipeline.domain.catalogue.catalogue import load_catalogue
from scripts.render_readme import rendered
from task_scripts.runtime.files.runner_cut import Cutter
from task_scripts.runtime.files.runner_folder import Folder

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
LINE = "It was the best of times, it was the worst of times, it was the age ok"
LINES = 5_000


def example() -> str:
    """Return the definition that the README shows."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    return shown


def planned(folder: Path) -> Preview:
    """Plan the README's own definition over a text of 5,000 lines of 70 characters."""
    (folder / "pipelines").mkdir()
    (folder / "pipelines/word-count.yaml").write_text(example(), "utf-8")
    text = folder / "book.txt"
    text.write_text(f"{LINE}\n" * LINES, "utf-8")
    catalogue = load_catalogue(folder / "pipelines", ROOT / "pools", ROOT / "task_scripts")
    source = local_source(text, lambda: None)
    return preview(catalogue, catalogue.pipelines["word-count"], source, {})


def test_the_example_has_at_most_ten_lines():
    assert len(example().splitlines()) <= 10


def test_the_example_is_the_one_that_is_there():
    there = (ROOT / "pipelines/word-count.yaml").read_text("utf-8")
    assert yaml.safe_load(example()) == yaml.safe_load(there)


def test_the_example_plans_a_real_text(tmp_path):
    made = planned(tmp_path)
    assert len(LINE) == 70
    assert (made.items, made.tasks) == (50, 5)


def test_the_program_of_the_example_counts_the_lines_of_an_item(tmp_path):
    page = planned(tmp_path).pages[0]
    script, part = ROOT / "task_scripts/count_words.py", tmp_path / "part.txt"
    with part.open("wb") as target:
        Cutter(page.cut.model_dump(), Folder.at(tmp_path)).part(
            tmp_path / "book.txt", page.tasks[0].items[0].spans, target
        )
    command = [sys.executable, str(script), str(part), str(tmp_path)]
    subprocess.run(command, check=True)
    counted = json.loads((tmp_path / "words.json").read_text("utf-8"))
    assert counted == {"words": 100 * len(LINE.split())}


def test_the_numbers_of_the_readme_are_counted():
    assert rendered(README) == README, "run `make render`"


def test_every_file_that_the_readme_names_exists():
    named = set(re.findall(r"`((?:[\w-]+/)+[\w.-]*)`", README)) | set(
        re.findall(r"\]\(([\w./-]+)\)", README)
    )
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_command_that_the_readme_shows_exists():
    shown = set(re.findall(r"\.venv/bin/fanfare (\w+)", README))
    text = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli.main import main; main()", "--help"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert not [name for name in shown if not re.search(rf"^  {name}\b", text, re.MULTILINE)]
