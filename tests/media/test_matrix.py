"""Every kind of video comes out as its source is shown and heard; ffmpeg itself compares them."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.chain import encode
from tests.media.films import FILMS
from tests.media.judge import likeness, look

TICK = Fraction(1, 1000)
SOUND = Fraction(5, 100)  # how much longer coded sound may be at its ends
ANY_CLOCK = {".ts", ".mpg"}  # their first moment has any number
EVEN = "crop=64:48:0:0"  # what an odd size has in common with the even one next to it
PREPARED = {"odd.mp4": EVEN, "odd.mkv": EVEN}
# A pack of MPEG-PS has one time for several frames, and ffmpeg may give it to the wrong one.
STEADY = {".mpg": Fraction(1, 25)}
# What ffmpeg says of their length counts packets that are not shown, or comes from no header.
NO_LENGTH = ("headless", "piped")
SMALL_FIRST = {"two-pictures.mkv", "two-pictures.ts"}


@pytest.mark.parametrize("name", FILMS)
def test_a_video_is_shown_and_heard_as_its_source(name: str, tmp_path: Path):
    source = tmp_path / name
    FILMS[name](source)
    ended = encode(source, tmp_path / "run")
    assert ended.output, ended.said
    assert "from the start" not in ended.said
    there, here = look(source, tmp_path), look(ended.output, tmp_path)
    zero = Fraction(0)
    if source.suffix in ANY_CLOCK:
        zero = there.frames[0] - here.frames[0]
        assert min([here.frames[0], *(first for first, _ in here.sounds)]) < 2 * SOUND
    wanted_at = there.frames
    if period := STEADY.get(source.suffix):
        wanted_at = tuple(there.frames[0] + n * period for n in range(len(there.frames)))
    assert len(here.frames) == len(wanted_at)
    for shown, wanted in zip(here.frames, wanted_at, strict=True):
        assert abs(shown - wanted + zero) <= TICK
    if not name.startswith(NO_LENGTH):
        assert abs(here.length - there.length) <= 2 * SOUND
    assert len(here.sounds) == len(there.sounds)
    for heard, wanted in zip(here.sounds, there.sounds, strict=True):
        assert abs(heard[0] - wanted[0] + zero) <= SOUND
        assert abs(heard[1] - wanted[1] + zero) <= SOUND
    if name not in SMALL_FIRST:
        assert likeness(source, ended.output, PREPARED.get(name, "null")) > 0.96
