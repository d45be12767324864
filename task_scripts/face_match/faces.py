"""Faces as they pass from `embed` to `match`: where they are, and 128 numbers for each."""

import json
import math
from pathlib import Path
from typing import NamedTuple

NUMBERS = 128


class Unusable(Exception):
    """An image, or what was found in one, cannot be used; the message says why."""


class Box(NamedTuple):
    """Where a face is, in pixels of the image as it was searched."""

    left: int
    top: int
    right: int
    bottom: int


class Face(NamedTuple):
    """A face: how sure the detector is, and its descriptor, close for faces of one person."""

    box: Box
    score: float
    descriptor: tuple[float, ...]


class Seen(NamedTuple):
    """An image by its name, the size in which it was searched, and its faces."""

    name: str
    width: int
    height: int
    faces: tuple[Face, ...]


def written(seen: Seen) -> str:
    """Return an image's faces as JSON."""
    faces = [
        {"box": list(face.box), "score": round(face.score, 4), "descriptor": list(face.descriptor)}
        for face in seen.faces
    ]
    return json.dumps({**seen._asdict(), "faces": faces})


def read(path: Path) -> Seen:
    """Read what `written` made. Raises Unusable."""
    try:
        told = json.loads(path.read_bytes())
        faces = tuple(
            Face(Box(*face["box"]), face["score"], tuple(face["descriptor"]))
            for face in told["faces"]
        )
        seen = Seen(told["name"], told["width"], told["height"], faces)
    except (ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path.name} does not describe faces") from error
    for face in faces:
        if len(face.descriptor) != NUMBERS or not all(map(math.isfinite, face.descriptor)):
            raise Unusable(f"{path.name} has a face without its {NUMBERS} numbers")
    return seen
