"""Networks learn, the test set stays unseen until the end, and bad datasets and grids are named."""

import io
import json
import math
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli.samples.digits import packed
from task_scripts.cnn_sweep import curves, datasets, grid, neighbours
from task_scripts.cnn_sweep.curves import Curve
from task_scripts.cnn_sweep.datasets import Digits
from tests.depth import EVERYTHING
from tests.needs import environment
from tests.workloads.programs import Done, Program, Start, parts_of

LONG = pytest.mark.skipif(not EVERYTHING, reason="`make test-all` trains networks")
SIDE, CLASSES, COUNT = 8, 3, 600


@pytest.fixture
def sweep(program: Start) -> Program:
    started = program("cnn_sweep")
    started.python = environment("digits")
    return started


def stripes() -> tuple[np.ndarray, np.ndarray]:
    """Return images in noise with a bright stripe, whose row tells the label."""
    chance = np.random.Generator(np.random.PCG64(3))
    labels = np.arange(COUNT, dtype=np.uint8) % CLASSES
    images = chance.integers(0, 120, (COUNT, SIDE, SIDE), np.uint8)
    images[np.arange(COUNT), 1 + 2 * labels] += 130
    return images, labels


def dataset(folder: Path, name: str = "digits.npz", **arrays: object) -> Path:
    images, labels = stripes()
    path = folder / name
    np.savez(path, **{"images": images, "labels": labels, **arrays})
    return path


def train(sweep: Program, path: Path, rate: float = 0.05, seed: int = 1, **more: str) -> Done:
    return sweep(
        "train", "--digits", path, "--rate", rate, "--width", 4, "--seed", seed, "--epochs", 2,
        "--output", "{output}", **more,
    )  # fmt: skip


def judge(sweep: Program, path: Path, done: list[Done]) -> Done:
    parts = parts_of(sweep.folder, done)
    return sweep("judge", "--digits", path, "--parts", parts, "--output", "{output}")


def test_a_grid_is_every_combination_and_each_setting_has_its_own_seed():
    found = grid.settings("0.1, 0.5", "8,16", 40)
    pairs = [(0.1, 8), (0.1, 16), (0.5, 8), (0.5, 16)]
    assert found == [(rate, width, 40 + number) for number, (rate, width) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("rates", "widths", "reason"),
    [
        ("", "8", "rates is empty, so there is nothing to train"),
        ("0.1", " , ", "widths is empty"),
        ("0.1", ",".join(map(str, range(1, 129))) + ",", None),
        ("0.1,0.2", ",".join(map(str, range(1, 129))), "the grid has 256 settings, and 200 are"),
        ("0.1", "129", "widths has to be whole numbers from 1 to 128, and has 129"),
        ("0.1", "8.5", "widths has to be whole numbers from 1 to 128, with commas between them"),
        ("nan", "8", "rates has to be numbers from 1e-06 to 1e.06, and has nan"),
        ("-1", "8", "rates has to be numbers"),
        ("fast", "8", "and has 'fast'"),
        ("0.1,0.10", "8", "rates has 0.10 twice"),
    ],
)
def test_a_grid_that_cannot_be_trained_is_refused(rates, widths, reason):
    if reason is None:
        assert len(grid.settings(rates, widths, 0)) == 128
        return
    with pytest.raises(grid.Unusable, match=reason):
        grid.settings(rates, widths, 0)


def test_every_image_is_in_one_part_and_the_parts_do_not_depend_on_anything(tmp_path):
    held = datasets.read(dataset(tmp_path))
    parts = [held.for_learning(), held.for_choosing(), held.for_the_test()]
    assert [len(part.labels) for part in parts] == [420, 60, 120]
    together = np.concatenate([part.images for part in parts])
    images, _ = stripes()
    assert sorted(map(bytes, (together * 255).round().astype(np.uint8))) == sorted(
        map(bytes, images)
    )
    again = datasets.read(dataset(tmp_path)).for_the_test()
    assert (again.images == parts[2].images).all()


def test_the_sample_is_written_as_numpy_writes_arrays(tmp_path):
    images, labels = stripes()
    path = tmp_path / "packed.npz"
    path.write_bytes(packed(images.tobytes(), labels.tobytes(), SIDE))
    with np.load(path, allow_pickle=False) as held:
        assert (held["images"] == images).all()
        assert (held["labels"] == labels).all()
    assert datasets.read(path).classes == CLASSES


def npy(header: str, content: bytes = b"") -> bytes:
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + content


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 64, 64), }"
SHORT = "{'descr': '|u1', 'fortran_order': False, 'shape': (600, 8, 8), }"
LESS = "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8), }"


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"images": np.zeros((600, 8, 8))}, "images have to be bytes"),
        ({"images": np.zeros((600, 64), np.uint8)}, "images have to be bytes"),
        ({"images": np.zeros((600, 8, 65), np.uint8)}, "an image has 8 x 65 pixels"),
        ({"images": np.zeros((100, 8, 8), np.uint8)}, "it has 100 images, and 200 to"),
        ({"images": np.array([print] * 600, object)}, "images has Python objects"),
        ({"labels": np.zeros(600)}, "labels have to be 600 whole numbers"),
        ({"labels": np.zeros(599, np.uint8)}, "labels have to be 600 whole numbers"),
        ({"labels": np.zeros(600, np.uint8)}, "labels go from 0 to 0"),
        ({"labels": np.full(600, -1)}, "labels go from -1 to -1"),
        ({"labels": np.arange(600)}, "labels go from 0 to 599"),
        ({"labels": np.array([0] * 595 + [1] * 5)}, "label 1 has 5 images, and 10 are the least"),
    ],
)
def test_a_dataset_that_cannot_be_learnt_is_refused(tmp_path, arrays, reason):
    with pytest.raises(datasets.Unusable, match=reason):
        datasets.read(dataset(tmp_path, **arrays))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "it is not a whole .npz of NumPy: File is not a zip file"),
        (b"", "it is not a whole .npz of NumPy"),
        (npy(HUGE), "images has 3906 MiB, and 256 MiB can be read"),
        (npy(SHORT, b"x" * 100), "images does not have the 38,400 bytes that its header says"),
        (npy(SHORT, b"x" * 38_401), "images does not have the 38,400 bytes"),
        (npy(LESS), "an array has a negative size"),
        (npy("{'descr': __import__('os'), }"), "it is not a whole .npz of NumPy"),
    ],
)
def test_a_broken_or_hostile_file_is_refused_before_it_takes_memory(tmp_path, content, reason):
    path = tmp_path / "digits.npz"
    if content is None:
        path.write_bytes(dataset(tmp_path, "whole.npz").read_bytes()[:500])
    else:
        with zipfile.ZipFile(path, "w") as packing:
            packing.writestr("images.npy", content)
    with pytest.raises(datasets.Unusable, match=reason):
        datasets.read(path)


def test_arrays_by_columns_are_read_as_they_are(tmp_path):
    images, _ = stripes()
    held = datasets.read(dataset(tmp_path, images=np.asfortranarray(images)))
    assert (held.images == images).all()


def test_neighbours_are_those_of_a_search_by_hand():
    chance = np.random.Generator(np.random.PCG64(5))
    known = Digits(chance.random((40, 2, 2), np.float32), np.arange(40) % 3)
    asked = Digits(chance.random((30, 2, 2), np.float32), np.arange(30) % 3)
    right = 0
    for image, label in zip(asked.images, asked.labels, strict=True):
        apart = [math.dist(image.ravel(), one.ravel()) for one in known.images]
        nearest = known.labels[np.argsort(apart)[:3]]
        right += np.bincount(nearest).argmax() == label
    assert neighbours.accuracy(known, asked, 3) == right / 30


def test_curves_of_any_loss_stay_inside_the_chart():
    lines = [Curve("a", [2.0, 1e12], [1e-9, 0.5]), Curve("b", [0.1], [0.0])]
    root = ET.fromstring(curves.drawn(lines))
    for line in root.findall("{http://www.w3.org/2000/svg}polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 640
            assert 0 <= y <= 360


def test_split_writes_an_item_for_each_setting_or_the_reason(sweep):
    def split(path: Path, rates: str) -> Done:
        return sweep(
            "split", "--digits", path, f"--rates={rates}", "--widths=4", "--first-seed", 7,
            "--output", "{output}",
        )  # fmt: skip

    good = dataset(sweep.folder)
    items = split(good, "0.1,0.2").json("items.json")
    assert [one["parameters"]["seed"] for one in items] == [7, 8]
    done = split(good, "")
    assert (done.code, done.said) == (
        1, "The grid was refused: rates is empty, so there is nothing to train.\n"
    )  # fmt: skip


@LONG
def test_a_network_learns_and_what_it_learns_depends_on_its_setting_alone(sweep):
    path = dataset(sweep.folder)
    first = train(sweep, path)
    told = first.json("result.json")
    assert [epoch["number"] for epoch in told["epochs"]] == [1, 2]
    assert told["epochs"][-1]["validation_accuracy"] > 0.9
    images, labels = stripes()
    # The images of the test set are others, and nothing changes: no training sees them.
    order = np.random.Generator(np.random.PCG64(20260901)).permutation(COUNT)
    images[order[480:]] = 255 - images[order[480:]]
    other = dataset(sweep.folder, "other.npz", images=images, labels=labels)
    assert (datasets.read(other).for_the_test().images != 0).any()
    again = train(sweep, other)
    for name in ("result.json", "weights.npz"):
        assert (again.output / name).read_bytes() == (first.output / name).read_bytes()


@LONG
def test_only_the_best_network_sees_the_test_set(sweep):
    path = dataset(sweep.folder)
    worse, best = train(sweep, path, rate=1e-6), train(sweep, path, seed=4)
    (worse.output / "weights.npz").write_bytes(b"nobody reads this")
    made = judge(sweep, path, [worse, best])
    told = made.json("best.json")
    assert told["setting"] == {"rate": 0.05, "width": 4, "seed": 4}
    assert told["images"] == {"learning": 420, "validation": 60, "test": 120}
    assert told["trainings"] == 2
    assert told["test_accuracy"] > 0.9
    rows = (made.output / "leaderboard.csv").read_text().splitlines()
    assert [row.split(",")[:3] for row in rows[1:]] == [["1", "1", "0.05"], ["2", "0", "1e-06"]]
    with np.load(io.BytesIO((made.output / "best.npz").read_bytes())) as weights:
        assert weights["first"].shape == (3, 3, 1, 4)


@LONG
def test_a_training_that_diverges_says_so_and_leaves_nothing(sweep):
    done = train(sweep, dataset(sweep.folder), rate=1e6)
    assert done.code == 1
    assert "The training with rate 1e+06, width 4, seed 1 diverged: its loss is nan" in done.said
    assert not list(done.output.iterdir())


def test_without_the_gpu_that_the_node_promised_nothing_is_trained(sweep):
    done = train(sweep, dataset(sweep.folder), FANFARE_DEVICE="cuda:0")
    assert done.code == 1
    assert "FANFARE_DEVICE is cuda:0, and this JAX finds no GPU" in done.said


def test_without_a_training_there_is_no_best_network(sweep):
    made = judge(sweep, dataset(sweep.folder), [])
    assert made.code == 1
    assert "no training came to its end" in made.said
    assert json.loads((sweep.folder / "parts.json").read_text()) == []
