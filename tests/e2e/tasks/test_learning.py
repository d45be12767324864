"""Faces on the whole stack, in an environment that its nodes make, against known people."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.samples import people
from pipeline.domain.runs.naming import BlobRef
from task_scripts.render.picture import Picture, write_png
from tests.depth import EVERYTHING
from tests.e2e.local import Stack, running

# Each node makes an environment of 240 MB.
pytestmark = [
    pytest.mark.skipif(not EVERYTHING, reason="`make test-all` finds faces on a stack"),
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
