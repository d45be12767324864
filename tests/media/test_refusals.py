"""What cannot come out whole is refused by the split program, before anything is encoded."""

import json
from pathlib import Path

import pytest

from task_scripts import media_split
from tests.media.films import FILMS
from tests.media.making import X264, ffmpeg, picture, sound


def refused(source: Path, capsys) -> str:
    """Split a video that must be refused; return the reason."""
    (source.parent / "out").mkdir(exist_ok=True)
    given = ["--input", str(source), "--step", "10", "--output", str(source.parent / "out")]
    assert media_split.main(given, {}) == 1
    assert not list((source.parent / "out").iterdir())
    said = capsys.readouterr().err
    assert said.startswith("The video was refused: ")
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all" * 99,
        b"#EXTM3U\n#EXTINF:1,\nplain.mp4\n",
        b"ffconcat version 1.0\nfile plain.mp4\n",
        b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>" + b" " * 500,
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, capsys, content: bytes):
    FILMS["plain.mp4"](tmp_path / "plain.mp4")
    (tmp_path / "a.mp4").write_bytes(content)
    assert "cannot read this input as a video" in refused(tmp_path / "a.mp4", capsys)


@pytest.mark.parametrize("share", [0.9, 0.6])
@pytest.mark.parametrize("name", ["plain.mkv", "old.avi", "plain.mov", "fragments.mp4", "web.webm"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, capsys, name: str, share: float):
    source = tmp_path / name
    FILMS[name](source)
    if source.suffix == ".mov":  # its index is at the end, unless it was made for streaming
        ffmpeg("-i", source, "-c", "copy", "-movflags", "+faststart", tmp_path / "fast.mov")
        source = tmp_path / "fast.mov"
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * share)])
    assert "cut off" in refused(source, capsys)


def test_an_index_that_is_missing_is_refused(tmp_path: Path, capsys):
    source = tmp_path / "plain.mp4"
    FILMS["plain.mp4"](source)
    source.write_bytes(source.read_bytes()[:-2000])
    assert "cut off" in refused(source, capsys)


@pytest.mark.parametrize("ending", ["m4a", "mka", "ts", "ogg"])
def test_a_file_without_moving_pictures_is_refused(tmp_path: Path, capsys, ending: str):
    source = tmp_path / f"song.{ending}"
    ffmpeg(*sound(1), "-c:a", "flac" if ending == "ogg" else "aac", source)
    assert "no video track" in refused(source, capsys)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_song_with_a_cover_is_refused(tmp_path: Path, capsys, ending: str):
    image, source = tmp_path / "cover.png", tmp_path / f"song.{ending}"
    ffmpeg(*picture(1), "-frames:v", "1", image)
    if ending == "mkv":
        more = ["-attach", image, "-metadata:s:t", "mimetype=image/png", "-map", "0:a"]
        ffmpeg(*sound(1), *more, "-c:a", "aac", source)
    else:
        maps = ["-map", "0:a", "-map", "1:v", "-c:v", "png", "-disposition:v", "attached_pic"]
        ffmpeg(*sound(1), "-i", image, *maps, "-c:a", "aac", source)
    assert "no video track besides pictures" in refused(source, capsys)


@pytest.mark.parametrize("ending", ["ts", "mpg"])
def test_a_size_that_changes_is_refused(tmp_path: Path, capsys, ending: str):
    codec = X264 if ending == "ts" else ["-c:v", "mpeg2video"]
    for name, size, begin in (("a", "64x48", "0"), ("b", "96x64", "2")):
        shifted = ["-output_ts_offset", begin]
        ffmpeg(*picture(2, size=size), *codec, *shifted, tmp_path / f"{name}.{ending}")
    both = b"".join((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    (tmp_path / f"both.{ending}").write_bytes(both)
    said = refused(tmp_path / f"both.{ending}", capsys)
    assert "64 x 48" in said
    assert "96 x 64" in said


@pytest.mark.parametrize(
    ("name", "codec", "unknown"),
    [("plain.mkv", b"A_AAC", b"A_ZZZ"), ("telephone.mov", b"ulaw", b"zzzz")],
)
def test_sound_that_nobody_can_decode_is_refused(tmp_path: Path, capsys, name, codec, unknown):
    source = tmp_path / name
    FILMS[name](source)
    content = source.read_bytes()
    assert codec in content
    source.write_bytes(content.replace(codec, unknown))
    assert "can be neither copied nor read" in refused(source, capsys)


def test_sound_that_is_damaged_throughout_is_refused(tmp_path: Path, capsys):
    source = tmp_path / "web.webm"
    FILMS["web.webm"](source)
    headers = b"\x05vorbis"
    content = source.read_bytes()
    assert headers in content
    source.write_bytes(content.replace(headers, b"\x05borvis"))
    assert "(vorbis) can be neither copied nor read" in refused(source, capsys)


def test_times_that_go_back_are_refused(tmp_path: Path, capsys):
    for name in "ab":
        ffmpeg(*picture(1), *X264, tmp_path / f"{name}.ts")
    both = b"".join((tmp_path / f"{name}.ts").read_bytes() for name in "ab")
    (tmp_path / "both.ts").write_bytes(both)
    assert "times that go back" in refused(tmp_path / "both.ts", capsys)


def test_a_picture_is_one_frame(tmp_path: Path):
    """A video of one frame is no picture: it has a time."""
    FILMS["still.mp4"](tmp_path / "still.mp4")
    given = ["--input", str(tmp_path / "still.mp4"), "--step", "10", "--output", str(tmp_path)]
    assert media_split.main(given, {}) == 0
    (item,) = json.loads((tmp_path / "items.json").read_bytes())
    assert (item["parameters"]["start"], item["parameters"]["end"]) == (0, 1)
