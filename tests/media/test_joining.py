"""The join takes only parts that follow each other, and compares what it made with the source."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from task_scripts import media_compare as comparing
from task_scripts import media_concat as joining
from task_scripts import media_source as sources
from tests.media.chain import encode
from tests.media.films import FILMS
from tests.media.making import ffmpeg, picture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run, with its source, five parts and the output."""
    folder = tmp_path_factory.mktemp("joined")
    FILMS["languages.mp4"](folder / "source.mp4")
    assert encode(folder / "source.mp4", folder / "run").output
    return folder


def joined(made: Path, tmp_path: Path, parts: list[object]) -> int:
    listing = made / "run" / f"{tmp_path.name}.json"
    listing.write_text(json.dumps(parts))
    given = ["--parts", str(listing), "--source", str(made / "source.mp4")]
    return joining.main([*given, "--output", str(tmp_path)], {})


def parts(*numbers: int) -> list[object]:
    return [{"item": number, "file": f"{number}/part.mp4"} for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0, 1, 3, 4), "frames from 22 on are missing"),
        ((0, 2, 1, 3, 4), "frames from 11 on are missing"),
        ((0, 1, 1, 2, 3, 4), "frames from 22 on are missing"),
        ((1, 2, 3, 4), "the first part is missing"),
        ((0, 1, 9), "1 of 3 parts are missing"),
        ((), "0 of 0 parts are missing"),
    ],
)
def test_a_part_is_never_skipped_moved_or_doubled(made, tmp_path, capsys, numbers, said):
    assert joined(made, tmp_path, parts(*numbers)) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("listing", [[{"name": "x"}], ["x"], [3]])
def test_a_list_that_is_none_is_refused(made, tmp_path, capsys, listing):
    assert joined(made, tmp_path, listing) == 1
    assert "is not a list of parts" in capsys.readouterr().err


def test_a_part_of_another_release_is_refused_with_what_helps(made, tmp_path, capsys):
    ffmpeg(*picture(1), made / "run" / "old.mp4")
    assert joined(made, tmp_path, [{"file": "old.mp4"}]) == 1
    assert "Start a new run instead of a redrive" in capsys.readouterr().err


def test_parts_that_were_encoded_differently_are_not_joined(made, tmp_path, capsys):
    shutil.copytree(made / "run" / "1", made / "run" / "7", dirs_exist_ok=True)
    other = ["-c:v", "libx264", "-bf", "0", "-profile:v", "baseline", "-video_track_timescale"]
    source = made / "run" / "1" / "part.mp4"
    ffmpeg("-i", source, *other, "12800", "-map_metadata", "0", made / "run" / "7" / "part.mp4")
    assert joined(made, tmp_path, parts(0, 7, 2, 3, 4)) == 1
    assert "part 1 was encoded in another way than part 0" in capsys.readouterr().err


def test_the_wanted_number_of_frames_may_be_given(made, tmp_path, capsys):
    listing = made / "run" / "parts.json"
    given = ["--parts", str(listing), "--source", str(made / "source.mp4")]
    assert joining.main([*given, "--output", str(tmp_path), "--frames", "51"], {}) == 1
    assert "51 frames were expected, but there are 50" in capsys.readouterr().err


def expected(made: Path, folder: Path) -> comparing.Expected:
    """Join anew and return what has to be there."""
    found = [joining.described(made / "run" / str(number) / "part.mp4") for number in range(5)]
    return joining.join(found, made / "source.mp4", folder / "video.mp4")


def test_what_was_joined_is_what_is_expected(made, tmp_path):
    comparing.compare(tmp_path / "video.mp4", expected(made, tmp_path), 50)


type Change = Callable[[comparing.Expected], comparing.Expected]


def later(there: comparing.Expected, seconds: Fraction) -> comparing.Expected:
    first, *others = there.heard
    begin, end = (first.first or 0) + seconds, first.end + seconds
    return replace(there, heard=[replace(first, first=begin, end=end), *others])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: replace(e, times=e.times[:-1]), "the source shows 49 frames, the output 50"),
        (
            lambda e: replace(e, times=[*e.times[:7], e.times[7] + 200, *e.times[8:]]),
            "frame 7 belongs at 0.296 s, and is at 0.280 s",
        ),
        (lambda e: replace(e, end=e.end + 512), "the picture ends at 2.040 s in the source"),
        (lambda e: replace(e, heard=e.heard[:1]), "the output has the tracks"),
        (
            lambda e: replace(e, heard=[replace(h, language="ita") for h in e.heard]),
            "the output has the tracks",
        ),
        (lambda e: later(e, Fraction(1, 10)), "track 1 (aac) is heard from 0.000 s"),
    ],
)
def test_a_difference_from_the_source_is_found(made, tmp_path, change: Change, said: str):
    there = expected(made, tmp_path)
    with pytest.raises(sources.Unusable) as caught:
        comparing.compare(tmp_path / "video.mp4", change(there))
    assert said in str(caught.value)


def test_damaged_sound_becomes_silence_and_is_reported(tmp_path):
    FILMS["lead-in.mpg"](tmp_path / "a.mpg")
    ended = encode(tmp_path / "a.mpg", tmp_path / "run")
    assert ended.output
    assert re.search(r"Left out: \d+ damaged packets of track 0\.", ended.said)
