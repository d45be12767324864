"""Puts the tiles of a picture together, from the top, and writes it as a PNG."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.render import picture as pictures
else:  # on a node the files are in one folder
    import picture as pictures


def tiles_of(listing: Path) -> list[pictures.Picture]:
    """Read the tiles in the order of the items. Raises Unusable."""
    entries = json.loads(listing.read_bytes())
    return [pictures.read_ppm(listing.absolute().parent / entry["file"]) for entry in entries]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write picture.png. Fails unless the tiles make a picture of the size that was asked for."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    for name in ("--width", "--height"):
        parser.add_argument(name, type=int, required=True, help="of the picture, in pixels")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        whole = pictures.below_each_other(tiles_of(asked.parts))
        if (whole.width, whole.height) != (asked.width, asked.height):
            raise pictures.Unusable(  # noqa: TRY301 - one way out
                f"the tiles make {whole.width} x {whole.height} pixels, not {asked.width} x "
                f"{asked.height}"
            )
    except pictures.Unusable as error:
        sys.stderr.write(f"There is no picture: {error}.\n")
        return 1
    pictures.write_png(asked.output / "picture.png", whole)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
