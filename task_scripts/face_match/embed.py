"""Finds the faces of an image, and describes each by 128 numbers, with dlib.

The models are public domain (CC0): the detector of dlib itself, its five landmarks, and its
recognition network. Fails for an image without a face, so that nobody takes it for a stranger's.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dlib
import face_recognition_models as models
import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.face_match import faces, pictures
else:  # on a node the files are in one folder
    import faces
    import pictures

_LARGER = 1  # doublings of the image before it is searched: finds faces of 40 pixels


def found(pixels: np.ndarray) -> list[faces.Face]:
    """Return the faces of an image, from left to right."""
    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(models.pose_predictor_five_point_model_location())
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    boxes, scores, _ = detector.run(pixels, _LARGER, 0.0)
    seen = []
    for box, score in zip(boxes, scores):  # noqa: B905 - nodes may have Python 3.10
        descriptor = network.compute_face_descriptor(pixels, landmarks(pixels, box))
        where = faces.Box(box.left(), box.top(), box.right(), box.bottom())
        seen.append(faces.Face(where, score, tuple(round(float(one), 6) for one in descriptor)))
    return sorted(seen)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write faces.json, and shown.jpg for the montage."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--image", type=Path, required=True, help="a JPEG, PNG or WebP")
    parser.add_argument("--longest-side", type=int, required=True, help="larger ones are reduced")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    name = environ.get("FANFARE_INPUT_NAME") or asked.image.name
    try:
        picture = pictures.opened(asked.image, asked.longest_side)
        seen = found(np.asarray(picture))
        if not seen:
            width, height = picture.size
            raise faces.Unusable(f"it shows no face ({width} x {height} pixels were searched)")  # noqa: TRY301 - one way out
    except faces.Unusable as error:
        sys.stderr.write(f"{name!a} was refused: {error}.\n")
        return 1
    described = faces.written(faces.Seen(name, picture.width, picture.height, tuple(seen)))
    (asked.output / "faces.json").write_text(described, encoding="utf-8")
    pictures.reduced(picture).save(asked.output / "shown.jpg", quality=85)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
