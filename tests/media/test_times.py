"""When frames are shown: what packets say is what decoding gives."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from task_scripts import media_encode, media_split
from task_scripts import media_times as timing
from tests.depth import more
from tests.media.chain import encode
from tests.media.films import FILMS, FIRST
from tests.media.judge import likeness
from tests.media.making import X264, coded, ffmpeg, picture

DECODED = {"telephone.avi"}  # whose packets are in a wrong order


@pytest.mark.parametrize("name", more(FIRST, [*FILMS]))
def test_packets_are_only_trusted_where_decoding_agrees(tmp_path: Path, name: str):
    FILMS[name](tmp_path / name)
    found = timing.timeline(tmp_path / name)
    assert list(found.times) == list(timing._by_decoding(tmp_path / name, timing._Packets()).times)
    assert bool(found.keys) is (name not in DECODED)
    assert found.end > found.times[-1]


def test_items_cover_all_frames_once_and_follow_each_other_in_time():
    found = timing.Timeline([5, 7, 8, 20, 30], 33, [(5, 4), (8, 6)])
    items = [item["parameters"] for item in media_split.items_of(found, 2)]
    assert [(i["start"], i["end"], i["index"]) for i in items] == [(0, 2, 0), (2, 4, 1), (4, 5, 2)]
    assert [(i["start_time"], i["end_time"]) for i in items] == [(5, 8), (8, 30), (30, 33)]
    assert [i["seek_time"] for i in items] == ["time", 6, 6]


def test_without_key_frames_every_item_is_decoded_from_the_beginning():
    found = timing.Timeline([5, 7, 8], 9, (), timing.BY_ORDER)
    items = [item["parameters"] for item in media_split.items_of(found, 1)]
    assert [i["seek_time"] for i in items] == ["order"] * 3


def test_a_time_base_that_is_too_fine_for_an_mp4_becomes_coarser():
    fine = media_encode.Scale.of(Fraction(1, 10**9))
    assert (fine.base, fine.of_part(1_499_400)) == (Fraction(1, 10**6), 1499)
    own = media_encode.Scale.of(Fraction(1001, 30000))
    assert (own.base, own.of_part(77)) == (Fraction(1001, 30000), 77)


def encoded(source: Path, folder: Path, *more: str) -> int:
    folder.mkdir()
    given = ["--input", str(source), "--output", str(folder), "--preset", "ultrafast"]
    return media_encode.main([*given, *more], {})


def test_a_key_frame_that_does_not_help_costs_only_time(tmp_path: Path, capsys):
    FILMS["plain.mp4"](tmp_path / "a.mp4")
    span = ["--start=11", "--end=22", "--start-time=5632", "--end-time=11264"]
    assert encoded(tmp_path / "a.mp4", tmp_path / "good", *span, "--seek-time=time") == 0
    assert encoded(tmp_path / "a.mp4", tmp_path / "late", *span, "--seek-time=99999") == 0
    assert "decoded from the start" in capsys.readouterr().out
    good, late = ((tmp_path / name / "part.mp4").read_bytes() for name in ("good", "late"))
    assert good == late


def test_a_span_with_other_frames_than_planned_leaves_no_part(tmp_path: Path, capsys):
    FILMS["plain.mp4"](tmp_path / "a.mp4")
    span = ["--start=11", "--end=25", "--start-time=5632", "--end-time=11264"]
    assert encoded(tmp_path / "a.mp4", tmp_path / "out", *span) == 1
    assert "14 frames were expected, but there are 11" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_frame_in_the_moment_of_another_one_is_never_shown(tmp_path: Path):
    source = tmp_path / "twice.mkv"
    twice = "settb=1/1000,setpts='40*(N-eq(N,7))'"
    own_times = ["-fps_mode", "passthrough", "-enc_time_base", "1:1000"]
    ffmpeg(*picture(1, more=twice), *own_times, "-c:v", "ffv1", source)
    assert len(timing.timeline(source).times) == 24


def test_the_times_of_a_long_group_are_compared_only_at_its_beginning(tmp_path: Path):
    source = tmp_path / "long.mp4"
    ffmpeg(*picture(30, size="16x16"), *X264, "-g", "9999", source)
    assert len(timing.timeline(source).times) == 750


def late(source: Path, target: Path, numbers: range, by: int) -> None:
    """Copy a video whose frames of these numbers come later than they should."""
    with av.open(source) as old, av.open(target, "w") as new:
        track = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.dts is not None:
                packet.pts += by * (number in numbers)
                packet.dts += by * (number in numbers)
                packet.stream = track
                new.mux(packet)


def test_frames_that_come_late_at_a_steady_rate_are_all_shown_and_in_time(tmp_path: Path):
    ffmpeg(*picture(), *coded("mpeg2video", "-g", "12"), tmp_path / "good.mkv")
    late(tmp_path / "good.mkv", tmp_path / "late.mkv", range(11, 14), 40)
    good, found = (timing.timeline(tmp_path / name) for name in ("good.mkv", "late.mkv"))
    assert len(set(good.times)) == 50
    assert (found.times, found.way) == (good.times, timing.BY_RATE)
    ended = encode(tmp_path / "late.mkv", tmp_path / "run")
    assert ended.output, ended.said
    assert len(timing.timeline(ended.output).times) == 50
    assert likeness(tmp_path / "good.mkv", ended.output) > 0.96


def test_of_frames_of_one_moment_without_a_gap_the_first_is_shown(tmp_path: Path):
    ffmpeg(*picture(), *coded("mpeg2video", "-g", "12"), tmp_path / "good.mkv")
    late(tmp_path / "good.mkv", tmp_path / "double.mkv", range(13, 50), -40)
    found = timing.timeline(tmp_path / "double.mkv")
    assert (len(found.times), found.way) == (49, timing.BY_TIME)
