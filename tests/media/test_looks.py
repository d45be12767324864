"""What a user sees and hears besides times: tracks, languages, chapters, fields, colours, shape."""

import re
from pathlib import Path

import pytest

from tests.media.chain import Ended, encode
from tests.media.films import FILMS
from tests.media.judge import Seen, likeness, look
from tests.media.making import X264, ffmpeg, lines, picture, sound


def made(name: str, folder: Path) -> tuple[Ended, Seen]:
    """Make a film and encode it; return what came out, and how it looks."""
    FILMS[name](folder / name)
    ended = encode(folder / name, folder / "run")
    assert ended.output, ended.said
    return ended, look(ended.output, folder)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_all_sound_tracks_and_their_languages_are_kept(tmp_path: Path, ending: str):
    _, seen = made(f"languages.{ending}", tmp_path)
    first, second = seen.tracks_of("Audio")
    assert "(deu): Audio: aac" in first
    assert "(fra): Audio: aac" in second
    assert first.endswith("(default)")
    assert not second.endswith("(default)")


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_chapters_are_kept_with_their_names(tmp_path: Path, ending: str):
    ended, _ = made(f"chapters.{ending}", tmp_path)
    ffmpeg("-i", ended.output, "-f", "ffmetadata", tmp_path / "chapters.txt")
    written = (tmp_path / "chapters.txt").read_text(encoding="utf-8")
    assert lines(written, "^title=") == ["title=One", "title=Two ü"]
    marks = re.findall(r"TIMEBASE=1/(\d+)\nSTART=(\d+)\nEND=(\d+)", written)
    assert [(int(s) / int(t), int(e) / int(t)) for t, s, e in marks] == [(0, 0.9), (0.9, 2)]
    assert "Left out" not in ended.said


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_cover_is_never_the_picture_and_its_loss_is_reported(tmp_path: Path, ending: str):
    ended, seen = made(f"cover.{ending}", tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "64x48" in track
    note = "Left out: video track 2 (png), as a cover"
    assert note in ended.said
    assert note in ffmpeg("-i", ended.output, "-t", "0", "-f", "null", "-")


@pytest.mark.parametrize("ending", ["mkv", "ts"])
def test_of_two_pictures_the_larger_one_is_encoded(tmp_path: Path, ending: str):
    ended, seen = made(f"two-pictures.{ending}", tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "64x48" in track
    assert "Left out: video track" in ended.said


def test_a_default_track_comes_before_a_larger_one_as_with_ffmpeg(tmp_path: Path):
    _, seen = made("two-pictures.mp4", tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "32x32" in track


def test_subtitles_that_mp4_holds_are_kept(tmp_path: Path):
    ended, seen = made("subtitles.mp4", tmp_path)
    (track,) = seen.tracks_of("Subtitle")
    assert "(deu): Subtitle: mov_text" in track
    ffmpeg("-i", ended.output, "-map", "0:s", tmp_path / "words.srt")
    words = (tmp_path / "words.srt").read_text()
    assert "00:00:00,200 --> 00:00:01,000" in words
    assert "Hello" in words


@pytest.mark.parametrize(
    "name",
    ["fields.mp4", "fields.ts", "fields.mkv", "fields.mpg", "woven.mov", "woven.mxf"],
)
def test_woven_fields_stay_fields(tmp_path: Path, name: str):
    _, seen = made(name, tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "top first" in track


@pytest.mark.parametrize("ending", ["ts", "mkv"])
def test_fields_after_whole_pictures_are_deinterlaced(tmp_path: Path, ending: str):
    ended, seen = made(f"some-fields.{ending}", tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "progressive" in track
    source = tmp_path / f"some-fields.{ending}"
    apart = tmp_path / "apart.mkv"
    whole = ["-vf", "bwdif=mode=send_frame:deint=interlaced", "-c:v", "ffv1"]
    ffmpeg("-i", source, *whole, "-fps_mode", "passthrough", apart)
    assert likeness(apart, ended.output) > likeness(source, ended.output) > 0.9
    assert likeness(apart, ended.output) > 0.96


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_hdr_keeps_its_bits_colours_and_light(tmp_path: Path, ending: str):
    ended, seen = made(f"light.{ending}", tmp_path)
    (track,) = seen.tracks_of("Video")
    assert "yuv420p10le(tv, bt2020nc/bt2020/smpte2084" in track
    said = ffmpeg("-i", ended.output, "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-")
    assert "r(0.6800,0.3200) g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290)" in said
    assert "min_luminance=0.005000, max_luminance=1000.000000" in said
    assert "MaxCLL=1000, MaxFALL=400" in said


@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("colours.mp4", "yuvj420p(pc, smpte170m"),
        ("colours.mkv", "yuvj420p(pc, smpte170m"),
        ("intra.avi", "yuvj420p(pc, bt470bg/unknown/unknown"),
        ("rgb.mkv", "yuv420p(tv, bt709/unknown/unknown"),
        ("rgb.mov", "yuv420p(tv, bt709/unknown/unknown"),
    ],
)
def test_the_colours_are_what_the_file_says_of_them(tmp_path: Path, name: str, colours: str):
    _, seen = made(name, tmp_path)
    assert colours in seen.tracks_of("Video")[0]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_a_turned_picture_stays_turned(tmp_path: Path, ending: str):
    ended, _ = made(f"turned.{ending}", tmp_path)
    said = ffmpeg("-i", ended.output, "-t", "0", "-f", "null", "-")
    assert "rotation of 90.00 degrees" in said.partition("Output #0")[0]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_wide_pixels_stay_wide(tmp_path: Path, ending: str):
    _, seen = made(f"wide.{ending}", tmp_path)
    assert "64x48 [SAR 16:11 DAR 64:33]" in seen.tracks_of("Video")[0]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_an_odd_size_becomes_the_next_even_one(tmp_path: Path, ending: str):
    _, seen = made(f"odd.{ending}", tmp_path)
    assert "66x50" in seen.tracks_of("Video")[0]


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("telephone.mov", "aac (LC) (mp4a / 0x6134706D), 8000 Hz, mono"),
        ("telephone.avi", "aac (LC) (mp4a / 0x6134706D), 8000 Hz, mono"),
        ("web.webm", "aac (LC)"),
        ("web.mkv", "opus"),
        ("old.mkv", "ac3"),
        ("old.avi", "mp3"),
        ("surround.mkv", "flac"),
        ("surround.mov", "aac (LC) (mp4a / 0x6134706D), 44100 Hz, 5.1"),
    ],
)
def test_sound_is_copied_where_an_mp4_holds_it_and_else_becomes_aac(tmp_path: Path, name, sound):
    _, seen = made(name, tmp_path)
    assert f"Audio: {sound}" in seen.tracks_of("Audio")[0]


def test_a_sound_track_without_sound_is_left_out_and_reported(tmp_path: Path):
    """As in a recording that ends before the announced sound begins."""
    whole, cut = tmp_path / "whole.ts", tmp_path / "cut.ts"
    later = ["-itsoffset", "5", *sound(1), *X264, "-max_interleave_delta", "1"]
    ffmpeg(*picture(), *later, "-c:a", "aac", whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 4 // 10 // 188 * 188])
    ended = encode(cut, tmp_path / "run")
    assert ended.output
    assert "(aac), which is empty" in ended.said
    assert not look(ended.output, tmp_path).tracks_of("Audio")


def test_transparency_is_reported(tmp_path: Path):
    ended, _ = made("clear.mov", tmp_path)
    assert "Left out: the transparency of the picture" in ended.said
