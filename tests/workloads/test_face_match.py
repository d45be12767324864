"""Faces of one person are grouped, those of two are not, and a bad image is named."""

import json
import math
import struct
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np
import pytest

from task_scripts.face_match import chart, faces, identities
from task_scripts.face_match.faces import Box, Face, Seen, Unusable
from task_scripts.render.picture import Picture, write_png
from tests.needs import environment
from tests.workloads.programs import Done, Program, Start, parts_of

GREY = b"\x80\x90\xa0"


@pytest.fixture
def match(program: Start) -> Program:
    started = program("face_match")
    started.python = environment("faces")
    return started


def at(*places: float) -> np.ndarray:
    """Return the distances of faces that lie on a line."""
    return identities.distances([[place] for place in places])


def seen(name: str, *descriptors: float) -> Seen:
    """Return an image whose faces differ in the first of their numbers."""
    rest = (0.0,) * (faces.NUMBERS - 1)
    found = [Face(Box(1, 2, 30, 40), 1.5, (first, *rest)) for first in descriptors]
    return Seen(name, 60, 50, tuple(found))


@pytest.mark.parametrize(
    ("places", "groups"),
    [
        ([0.0], [[0]]),
        ([0.0, 0.4], [[0, 1]]),
        ([0.0, 0.6], [[0], [1]]),
        ([0.0, 2.0, 0.1, 2.1], [[0, 2], [1, 3]]),
        ([0.0, 0.3, 0.6, 0.9], [[0, 1], [2, 3]]),
        ([1.0, 1.0, 1.0], [[0, 1, 2]]),
    ],
)
def test_faces_are_grouped_if_all_of_them_are_close(places, groups):
    assert identities.grouped(at(*places), 0.5) == groups


def test_no_two_faces_of_a_group_are_farther_apart_than_the_threshold():
    points = np.random.Generator(np.random.PCG64(7)).normal(size=(120, 3))
    apart = identities.distances(points.tolist())
    groups = identities.grouped(apart, 1.0)
    assert sorted(face for group in groups for face in group) == list(range(120))
    assert max(apart[np.ix_(group, group)].max() for group in groups) <= 1.0
    assert 10 < len(groups) < 120


def test_more_faces_than_can_be_compared_are_refused():
    with pytest.raises(Unusable, match="2,001 faces, and 2,000 can be compared"):
        identities.distances([[0.0]] * 2001)


def test_faces_pass_from_a_task_to_the_assembler_as_they_are(tmp_path):
    path = tmp_path / "faces.json"
    path.write_text(faces.written(seen("ü/1.jpg", 0.25, -1e-6)))
    assert faces.read(path) == seen("ü/1.jpg", 0.25, -1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"faces": [{"box": [1, 2, 3, 4], "score": 1, "descriptor": [0.5]}]}, "its 128 numbers"),
        ({"faces": [{"box": [1], "score": 1, "descriptor": []}]}, "does not describe faces"),
        ({"faces": 7}, "does not describe faces"),
    ],
)
def test_what_does_not_describe_faces_is_refused(tmp_path, change, reason):
    path = tmp_path / "faces.json"
    path.write_text(json.dumps({**json.loads(faces.written(seen("a", 0.5))), **change}))
    with pytest.raises(Unusable, match=reason):
        faces.read(path)


def test_the_chart_frames_pairs_of_one_person_and_escapes_names():
    drawn = chart.drawn(["<a>", "b", "c"], [1, 1, 2], at(0.0, 0.3, 2.0))
    cells = ET.fromstring(drawn).findall("{http://www.w3.org/2000/svg}rect")
    assert sum("stroke" in cell.attrib for cell in cells) == 5
    assert "&lt;a&gt;" in drawn


def wall(folder: Path) -> bytes:
    """Return an image of a grey wall as PNG."""
    write_png(folder / "wall.png", Picture(60, 40, GREY * 2400))
    return (folder / "wall.png").read_bytes()


def says(width: int, height: int) -> bytes:
    """Return the beginning of a PNG that says how large it is."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\x0d"
        + head
        + struct.pack(">I", zlib.crc32(head))
        + b"\0\0\0\0IDAT"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda _: b"not an image", "it is not a whole JPEG, PNG or WebP"),
        (lambda _: b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "it is not a whole JPEG, PNG or WebP"),
        (wall, "it shows no face (60 x 40 pixels were searched)"),
        (lambda folder: wall(folder)[:-40], "it is not a whole JPEG, PNG or WebP: image file is"),
        (lambda _: says(20_001, 5000), "it has 20001 x 5000 pixels, and 100 million can be read"),
        (lambda _: says(100_000, 100_000), "it has 100000 x 100000 pixels"),
    ],
)
def test_an_image_that_cannot_be_used_is_named_with_the_reason(match, content, reason):
    path = match.folder / "given.png"
    path.write_bytes(content(match.folder))
    done = match(
        "embed", "--image", path, "--longest-side", 400, "--output", "{output}",
        FANFARE_INPUT_NAME="people/\x1b[31mred.png",
    )  # fmt: skip
    assert done.code == 1
    assert done.said.startswith("'people/\\x1b[31mred.png' was refused: ")
    assert reason in done.said
    assert not list(done.output.iterdir())


def item(folder: Path, image: Seen) -> Done:
    """Write what `embed` leaves of an image, with a picture that Pillow opens whatever its name."""
    (folder / "faces.json").write_text(faces.written(image))
    write_png(folder / "shown.jpg", Picture(60, 50, GREY * 3000))
    return Done(0, "", folder)


def test_faces_become_identities_a_table_a_chart_and_a_montage(match):
    images = [seen("people/a.jpg", 0.0), seen("people/b.jpg", 2.0, 0.3), seen("=c.jpg", 2.4)]
    done = []
    for number, image in enumerate(images):
        folder = match.folder / f"item-{number}"
        folder.mkdir()
        done.append(item(folder, image))
    parts = parts_of(match.folder, done)
    made = match("match", "--parts", parts, "--threshold", 0.5, "--output", "{output}")
    told = made.json("identities.json")
    groups = [[(f["image"], f["face"]) for f in one["faces"]] for one in told["identities"]]
    assert groups == [
        [("people/a.jpg", 0), ("people/b.jpg", 1)], [("people/b.jpg", 0), ("=c.jpg", 0)]
    ]  # fmt: skip
    assert [one["most_apart"] for one in told["identities"]] == [0.3, 0.4]
    table = (made.output / "pairs.csv").read_text().splitlines()
    assert table[1:3] == ["a.jpg,b.jpg #2,0.3000,yes", "b.jpg #1,'=c.jpg,0.4000,yes"]
    assert len(table) == 1 + math.comb(4, 2)
    assert (made.output / "montage.jpg").read_bytes().startswith(b"\xff\xd8")


def test_without_a_face_nobody_is_identified(match):
    parts = parts_of(match.folder, [])
    made = match("match", "--parts", parts, "--threshold", 0.5, "--output", "{output}")
    assert (made.code, made.said) == (1, "Nobody was identified: no image had a face.\n")
