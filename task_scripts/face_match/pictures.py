"""Images of strangers, opened with care, and the montage of what was found in them."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

if TYPE_CHECKING or __package__:
    from task_scripts.face_match import faces
else:  # on a node the files are in one folder
    import faces

_FORMATS = ("JPEG", "PNG", "WEBP")
_MOST_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = None  # `opened` bounds them, and says so
_SHOWN = 320  # pixels of the longer side in the montage
_COLUMNS, _LINE = 4, 22
_COLOURS = ("#1b6ca8", "#c2571a", "#2d7d46", "#8e44ad", "#b8860b", "#c0392b", "#16a085", "#7f8c8d")
_BROKEN = (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError)


class Marked(NamedTuple):
    """An image of the montage, its name, and each face with the number of its identity."""

    picture: Path
    seen: faces.Seen
    identities: Sequence[int]


def opened(path: Path, longest_side: int) -> Image.Image:
    """Open an image upright, in RGB, reduced to `longest_side` pixels at most. Raises Unusable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; pixels are bounded here
            with Image.open(path, formats=_FORMATS) as image:
                width, height = image.size
                if width * height > _MOST_PIXELS:
                    raise faces.Unusable(
                        f"it has {width} x {height} pixels, and 100 million can be read"
                    )
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except _BROKEN as error:
        raise faces.Unusable(
            f"it is not a whole JPEG, PNG or WebP: {str(error).replace(repr(str(path)), 'it')}"
        ) from error
    upright.thumbnail((longest_side, longest_side))
    return upright


def reduced(picture: Image.Image) -> Image.Image:
    """Return a copy of the size that the montage shows."""
    small = picture.copy()
    small.thumbnail((_SHOWN, _SHOWN))
    return small


def colour(identity: int) -> str:
    """Return the colour of an identity, counted from 1."""
    return _COLOURS[(identity - 1) % len(_COLOURS)]


def montage(shown: Sequence[Marked]) -> Image.Image:
    """Put the images side by side, with a box around each face, and its identity."""
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    size = columns * _SHOWN, rows * (_SHOWN + _LINE)
    whole = Image.new("RGB", size, "white")
    font = ImageFont.load_default(14)
    for number, one in enumerate(shown):
        left, top = number % columns * _SHOWN, number // columns * (_SHOWN + _LINE)
        whole.paste(_marked(one, font), (left, top + _LINE))
        name = one.seen.name.rpartition("/")[2].encode("ascii", "backslashreplace").decode()
        ImageDraw.Draw(whole).text((left + 4, top + 3), name[:40], "black", font)
    return whole


def _marked(one: Marked, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Image.Image:
    picture = reduced(opened(one.picture, _SHOWN))
    drawing = ImageDraw.Draw(picture)
    scale = picture.width / one.seen.width
    for face, identity in zip(one.seen.faces, one.identities):  # noqa: B905 - nodes may have Python 3.10
        left, top, right, bottom = (round(side * scale) for side in face.box)
        drawing.rectangle((left, top, right, bottom), outline=colour(identity), width=3)
        at = min(max(left, 0), picture.width - 26), min(bottom, picture.height - 18)
        drawing.rectangle((*at, at[0] + 26, at[1] + 18), fill=colour(identity))
        drawing.text((at[0] + 4, at[1] + 1), f"{identity}", "white", font)
    return picture
