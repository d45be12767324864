import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.plans.mp4 import MAX_MOOV, NotAVideo, frame_count
from tests.unit.domain.quick import quick


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def track(handler, table):
    handled = box(b"hdlr", bytes(8), handler, bytes(12))
    return box(b"trak", box(b"mdia", handled, box(b"minf", box(b"stbl", table))))


def sizes(count, entries=None, same=0):
    listed = count if entries is None else entries
    return box(b"stsz", struct.pack(">III", 0, same, count), bytes(0 if same else 4 * listed))


def video(*tracks, before=b"", after=b""):
    return box(b"ftyp", b"isom") + before + box(b"moov", box(b"mvhd", bytes(20)), *tracks) + after


def frames(data):
    return frame_count(lambda offset, length: data[offset : offset + length], len(data))


def test_the_frames_of_the_first_video_track_are_counted():
    sound, picture = track(b"soun", sizes(500)), track(b"vide", sizes(132))
    assert frames(video(sound, picture)) == 132


def test_an_index_behind_the_data_is_found_by_reading_little():
    data = video(track(b"vide", sizes(7)), before=box(b"mdat", bytes(100_000)))
    asked = []

    def read(offset, length):
        asked.append(length)
        return data[offset : offset + length]

    assert frame_count(read, len(data)) == 7
    assert sum(asked) < 1000


def test_boxes_of_64_bits_and_without_end_are_understood():
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + bytes(5)
    moov = video(track(b"vide", sizes(3)))[12:]
    data = box(b"ftyp", b"isom") + large + struct.pack(">I", 0) + moov[4:]
    assert frames(data) == 3


def test_compact_tables_and_frames_of_one_size_are_understood():
    compact = box(b"stz2", struct.pack(">III", 0, 4, 3), bytes(2))
    assert frames(video(track(b"vide", compact))) == 3
    assert frames(video(track(b"vide", sizes(9, same=100)))) == 9


def test_quicktime_may_end_a_list_with_zeros():
    trak = track(b"vide", sizes(4))
    assert frames(video(trak, bytes(4))) == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\0", "does not start like"),
        (b"just some text, renamed", "does not start like"),
        (bytes(100_000), "does not start like"),
        (box(b"ftyp", b"isom"), "no index of its frames"),
        (video(track(b"vide", sizes(5)))[:-30], "impossible size"),
        (video(track(b"soun", sizes(5))), "no video track"),
        (video(track(b"vide", sizes(0))), "no video track"),
        (video(track(b"vide", sizes(0)), box(b"mvex")), "fragmented"),
        (video(track(b"vide", sizes(2**32 - 1, entries=10))), "claims 4294967295 frames"),
        (video(track(b"vide", box(b"stsz", bytes(4)))), "cut off"),
        (video(track(b"vide", box(b"stz2", struct.pack(">III", 0, 7, 1)))), "impossible size"),
        (box(b"free") * 5000 + video(track(b"vide", sizes(5))), "no index of its frames"),
        (box(b"ftyp") + struct.pack(">I4s", 3, b"moov"), "impossible size"),
    ],
)
def test_files_that_are_not_videos_are_refused_with_the_reason(data, said):
    with pytest.raises(NotAVideo, match=said):
        frames(data)


def test_an_enormous_index_is_not_read():
    size = MAX_MOOV + 100
    head = struct.pack(">I4s", size, b"moov") + bytes(8)
    with pytest.raises(NotAVideo, match="larger than 64 MiB"):
        frame_count(lambda offset, length: (head + bytes(length))[offset:][:length], size)


@quick
@given(st.integers(0, 200), st.binary(min_size=1, max_size=8))
def test_a_damaged_video_is_counted_or_refused(at, damage):
    data = video(track(b"soun", sizes(1)), track(b"vide", sizes(2)))
    data = data[:at] + damage + data[at + len(damage) :]
    with contextlib.suppress(NotAVideo):
        assert frames(data) >= 1
