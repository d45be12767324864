"""Faces and networks on the whole stack, in environments that its nodes make, against truths."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.samples import digits, people
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from task_scripts.render.picture import Picture, write_png
from tests.depth import EVERYTHING
from tests.e2e.local import Stack, running

# Each node makes two environments of 200 and 600 MB.
pytestmark = [
    pytest.mark.skipif(not EVERYTHING, reason="`make test-all` trains networks on a stack"),
    pytest.mark.timeout(900),
]
RUN_S = 600
SAME, OTHERS = 0.45, 0.75  # the farthest faces of one man, the closest of two


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from running(tmp_path_factory.mktemp("learning"), seed=7)


def album(folder: Path) -> dict[str, bytes]:
    """Return the sample's portraits, a portrait that is cut off, and a wall."""
    write_png(folder / "wall.png", Picture(400, 300, b"\xc0\x40\x20" * 400 * 300))
    portraits = people.images()
    bad = {
        "people/cut.jpg": portraits["people/obama.jpg"][:100_000],
        "people/wall.png": (folder / "wall.png").read_bytes(),
    }
    return portraits | bad


def test_faces_of_one_man_are_close_and_images_without_a_face_are_named(
    stack: Stack, tmp_path: Path
):
    images = album(tmp_path)
    for name, content in images.items():
        stack.engine.ports.writer.write(BlobRef("input", name), content)
    run, event = stack.succeeded(
        stack.upload("albums/all.json", json.dumps(list(images)).encode(), "face-match"), RUN_S
    )
    output = stack.output(run)
    groups = [
        {face["image"].removeprefix("people/") for face in one["faces"]}
        for one in json.loads(output["identities.json"])["identities"]
    ]
    names = {name.removeprefix("people/") for name in people.images()}
    assert groups == [{"biden.jpg"}, names - {"biden.jpg"}]
    pairs = list(csv.DictReader(io.StringIO(output["pairs.csv"].decode())))
    same, others = (
        [float(pair["distance"]) for pair in pairs if pair["same_person"] == word]
        for word in ("yes", "no")
    )
    assert (len(same), len(others)) == (15, 6)
    assert max(same) < SAME
    assert min(others) > OTHERS
    assert output["montage.jpg"].startswith(b"\xff\xd8")
    cut, wall = (one["tail"] for one in event["data"]["missing"])
    assert "'people/cut.jpg' was refused: it is not a whole JPEG" in cut
    assert "'people/wall.png' was refused: it shows no face (400 x 300" in wall


def test_the_best_network_beats_neighbours_and_a_diverging_training_is_tolerated(stack: Stack):
    given = {"rates": "0.05,1000000", "widths": "16", "epochs": "3"}
    run, event = stack.succeeded(
        stack.upload("digits/mnist.npz", digits.sample(), "cnn-sweep", **given), RUN_S
    )
    output = stack.output(run)
    best = json.loads(output["best.json"])
    assert best["trainings"] == 1
    assert best["images"] == {"learning": 7000, "validation": 1000, "test": 2000}
    assert 0.95 < best["nearest_neighbours"]["accuracy"] < best["test_accuracy"] < 0.99
    assert best["test_accuracy"] > 0.96
    (row,) = csv.DictReader(io.StringIO(output["leaderboard.csv"].decode()))
    assert (row["rate"], row["width"], row["seed"], row["epochs"]) == ("0.05", "16", "1", "3")
    (missing,) = event["data"]["missing"]
    assert "rate 1e+06, width 16, seed 2 diverged: its loss is nan in epoch 1" in missing["tail"]


def test_a_sweep_that_cannot_be_trained_ends_before_any_training_and_says_why(stack: Stack):
    good = digits.packed(bytes(64) * 200, bytes(range(10)) * 20, 8)
    many = ",".join(map(str, range(1, 102)))
    asked = {
        "digits/broken.npz": (good[:1000], {}, "The dataset was refused: it is not a whole .npz"),
        "digits/empty.npz": (good, {"rates": "none"}, "The grid was refused: rates has to be"),
        "digits/huge.npz": (good, {"widths": many}, "The grid was refused: the grid has 303"),
    }
    runs = {
        stack.upload(name, content, "cnn-sweep", **given): why
        for name, (content, given, why) in asked.items()
    }
    for run_id, why in runs.items():
        run, event = stack.finished(run_id, RUN_S)
        assert (run.state, run.cause) == (State.FAILED, Cause.PLAN_FAILED)
        assert why in json.dumps(event)
