"""Groups the faces of all images by person.

Writes `identities.json`, `pairs.csv` with the distances, `distances.svg` and `montage.jpg`.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.face_match import chart, faces, identities, pictures
else:  # on a node the files are in one folder
    import chart
    import faces
    import identities
    import pictures

_PAIRS = 10_000  # lines of the table, the closest first
_SHOWN = 200  # images of the montage


class Found(NamedTuple):
    """A face of an image: the number of the image, that of the face in it, and the face."""

    image: int
    number: int
    face: faces.Face


def seen_in(listing: Path) -> list[tuple[faces.Seen, Path]]:
    """Read all images with their faces, and where each is to be shown. Raises Unusable."""
    folder = listing.absolute().parent
    files: dict[int, dict[str, Path]] = {}
    for entry in json.loads(listing.read_bytes()):
        files.setdefault(entry["item"], {})[entry["name"]] = folder / entry["file"]
    if not files:
        raise faces.Unusable("no image had a face")
    return [(faces.read(parts["faces.json"]), parts["shown.jpg"]) for parts in files.values()]


def write_identities(
    path: Path, images: Sequence[faces.Seen], found: Sequence[Found],
    groups: Sequence[Sequence[int]], apart: np.ndarray,
) -> None:  # fmt: skip
    """Write who is in which image, and how far the faces of a person are apart."""
    people = [
        {
            "identity": identity,
            "faces": [
                {
                    "image": images[found[one].image].name,
                    "face": found[one].number,
                    "box": list(found[one].face.box),
                    "score": found[one].face.score,
                }
                for one in group
            ],
            "most_apart": round(float(apart[np.ix_(group, group)].max()), 4),
        }
        for identity, group in enumerate(groups, 1)
    ]
    told = {"images": len(images), "faces": len(found), "identities": people}
    path.write_text(f"{json.dumps(told, indent=1)}\n", encoding="utf-8")


def pairs(apart: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield every pair of faces with its distance, the closest first."""
    one, other = np.triu_indices(len(apart), 1)
    for place in np.argsort(apart[one, other], kind="stable")[:_PAIRS]:
        yield int(one[place]), int(other[place]), float(apart[one[place], other[place]])


def _label(images: Sequence[faces.Seen], one: Found) -> str:
    name = images[one.image].name.rpartition("/")[2]
    return name if len(images[one.image].faces) == 1 else f"{name} #{one.number + 1}"


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the identities, the table, the chart and the montage."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--threshold", type=float, required=True, help="of one person's faces")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        seen = seen_in(asked.parts)
        images = [image for image, _ in seen]
        found = [
            Found(place, number, face)
            for place, image in enumerate(images)
            for number, face in enumerate(image.faces)
        ]
        apart = identities.distances([one.face.descriptor for one in found])
    except faces.Unusable as error:
        sys.stderr.write(f"Nobody was identified: {error}.\n")
        return 1
    groups = identities.grouped(apart, asked.threshold)
    who = {face: identity for identity, group in enumerate(groups, 1) for face in group}
    write_identities(asked.output / "identities.json", images, found, groups, apart)
    labels = [_label(images, one) for one in found]
    with (asked.output / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("one", "other", "distance", "same_person"))
        for one, other, distance in pairs(apart):
            same = "yes" if who[one] == who[other] else "no"
            writer.writerow((_cell(labels[one]), _cell(labels[other]), f"{distance:.4f}", same))
    svg = chart.drawn(labels, [who[face] for face in range(len(found))], apart)
    (asked.output / "distances.svg").write_text(svg, encoding="utf-8")
    numbers = iter(range(len(found)))
    shown = [
        pictures.Marked(path, image, [who[next(numbers)] for _ in image.faces])
        for image, path in seen
    ]
    pictures.montage(shown[:_SHOWN]).save(asked.output / "montage.jpg", quality=85)
    return 0


def _cell(label: str) -> str:
    """Keep a spreadsheet from taking a blob's name for a formula."""
    return f"'{label}" if label[:1] in "=+-@\t\r" else label


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
