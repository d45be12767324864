"""The benchmark of workloads lists what it measures, and does the work of a task by hand."""

import json
from pathlib import Path

import pytest

from benchmarks import by_hand, starts, workloads
from benchmarks.by_hand import ByHand
from benchmarks.run_times import Times
from pipeline.cli.samples.samples import SAMPLES
from pipeline.domain.catalogue.catalogue import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; from pathlib import Path; open(sys.argv[2] + '/x', 'w').write(sys.argv[1])"
JOB = "run-g1"


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """A node with the folders of a task of two items, as the local stack leaves them."""
    job = tmp_path / "nodes/n1/workitems" / JOB / "job-1"
    scripts, task = job / "jobpreparation/wd", job / "t000001/wd"
    scripts.mkdir(parents=True)
    (task / "in").mkdir(parents=True)
    (scripts / "say.py").write_text(PROGRAM)
    (scripts / "__pycache__").mkdir()
    (scripts / "__pycache__/say.pyc").write_bytes(b"x" * 999)
    (task / "in/input.txt").write_text("one\ntwo\n")
    (task / f"o-{'0' * 16}-0").write_bytes(b"12345")
    program = {"file": "say.py", "command": None, "environment": None, "gpu": None}
    page = {
        "program": program | {"arguments": ["{word}", "{output}"]}, "inputs": [], "cut": None,
        "tasks": [
            {"number": 0, "inputs": [], "items": [item(9)]},
            {"number": 1, "inputs": [{"file": "in/input.txt", "name": "a.txt"}],
             "items": [item(1), item(0)]},
        ],
    }  # fmt: skip
    (task / "page.json").write_text(json.dumps(page))
    return tmp_path / "nodes"


def item(number: int, word: str = "hello") -> dict[str, object]:
    return {"id": number, "inputs": [], "spans": [], "parameters": {"word": word}}


def test_the_items_of_a_task_are_done_by_hand_in_order(nodes, tmp_path):
    works = by_hand.works(nodes, JOB, tmp_path / "parts")
    assert [work.item["id"] for work in works] == [0, 1]
    seconds = by_hand.carried_out(works, 2, tmp_path / "place")
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_a_program_that_fails_by_hand_is_told_with_its_words(nodes, tmp_path):
    script = next(nodes.rglob("say.py"))
    script.write_text("raise SystemExit('no such codec')")
    with pytest.raises(ByHand, match="no such codec"):
        by_hand.carried_out(by_hand.works(nodes, JOB, tmp_path), 1, tmp_path / "place")


def test_bytes_that_a_node_moved_are_those_that_batch_brought_and_took(nodes):
    page = next(nodes.rglob("page.json")).stat().st_size
    assert by_hand.moved(nodes, JOB) == (page + len("one\ntwo\n") + len(PROGRAM), 5)


def test_a_part_of_a_text_is_cut_before_the_time_is_taken(nodes, tmp_path):
    page_file = next(nodes.rglob("page.json"))
    page = json.loads(page_file.read_text())
    page["cut"] = {"placeholder": "lines_file", "encoding": "utf-8"}
    page["tasks"][1]["items"] = [item(0) | {"inputs": ["in/input.txt"], "spans": [[4, 8]]}]
    page_file.write_text(json.dumps(page))
    (work,) = by_hand.works(nodes, JOB, tmp_path / "parts")
    assert Path(work.files["lines_file"]).read_text() == "two\n"


def test_parameters_of_the_benchmark_are_those_of_pipelines_with_a_sample():
    catalogue = load_catalogue(ROOT / "pipelines", ROOT / "pools", ROOT / "task_scripts")
    for name, given in workloads.parameters().items():
        assert name in SAMPLES
        catalogue.pipelines[name].resolve_parameters({key: str(v) for key, v in given.items()})


def test_the_starts_that_are_compared_differ_in_the_image_alone():
    process, container = (starts.definitions()[name] for name in (starts.PROCESS, starts.CONTAINER))
    assert 'command: [sh, -c, "exit 0"]' in process
    assert 'command: [sh, -c, "exit 0"]' in container
    assert "image" not in process


@pytest.mark.parametrize(
    ("item_s", "ours", "verdict"),
    [(6.0, 11.0, "good"), (6.0, 13.0, "BAD"), (1.0, 99.0, "short items")],
)
def test_the_goal_is_for_long_items(item_s, ours, verdict):
    times = Times(ours, 0, 0, 0, 0, 0, 0, 0, 0)
    figures = workloads.Figures("a", 1, 1, item_s, ours, [10.0], [times])
    assert figures.verdict == verdict
