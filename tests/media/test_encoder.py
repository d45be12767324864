"""A task with a GPU encodes with NVENC where that works, and else says why it did not."""

from dataclasses import replace
from fractions import Fraction

import av
import pytest

from task_scripts import media_concat as joining
from task_scripts import media_source as sources
from task_scripts.media_encoder import NVENC, PRESETS, X264, Encoder, chosen, options, refusal
from task_scripts.media_look import Look
from tests.media.chain import encode
from tests.media.films import FILMS

PLAIN = Look(
    width=320, height=180, format="yuv420p", interlaced=False, colours=(1, 1, 1, 1), chroma=1,
    aspect=Fraction(1), rate=Fraction(25), hdr="",
)  # fmt: skip


def works(_: Look) -> str:
    return ""


def test_a_gpu_that_encodes_is_used():
    assert chosen("cuda:0", PLAIN, works) == Encoder(NVENC)


@pytest.mark.parametrize("device", ["cpu", ""])
def test_a_task_without_a_gpu_takes_x264_and_nobody_asks_for_nvenc(device):
    def never(_: Look) -> str:
        raise AssertionError

    assert chosen(device, PLAIN, never) == Encoder(X264)


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (replace(PLAIN, interlaced=True), "the picture is interlaced"),
        (replace(PLAIN, format="yuv420p10le"), "H.264 with ten bits"),
        (replace(PLAIN, hdr="cll=1,1"), "metadata of HDR"),
    ],
)
def test_what_nvenc_cannot_keep_is_encoded_by_x264_with_a_note(look, reason):
    name, note = chosen("cuda:0", look, works)
    assert name == X264
    assert reason in note


def test_a_gpu_that_does_not_encode_is_named_in_the_note():
    found = chosen("cuda:0", PLAIN, lambda _: "h264_nvenc does not open")
    assert found == Encoder(X264, "the GPU did not encode: h264_nvenc does not open")


def test_an_ffmpeg_without_the_encoder_is_told():
    assert refusal(PLAIN, "h264_nobody") == "this build of ffmpeg has no h264_nobody"
    assert not refusal(PLAIN, X264)


def test_every_preset_of_x264_has_one_of_nvenc():
    known = {f"p{number}" for number in range(1, 8)}
    assert set(PRESETS.values()) == known
    given = options(NVENC, PLAIN, {"crf": "21", "preset": "veryslow"})
    assert given == {"rc": "vbr", "cq": "21", "b": "0", "preset": "p7"}


def test_a_part_and_the_whole_say_which_encoder_the_gpu_came_to(tmp_path):
    FILMS["languages.mp4"](tmp_path / "source.mp4")
    ended = encode(tmp_path / "source.mp4", tmp_path / "run", device="cuda:0")
    assert ended.output, ended.said
    why = refusal(PLAIN)
    with av.open(str(ended.output)) as container:
        comment = container.metadata.get("comment", "")
    if why:
        told = f"Encoded by {X264} (the GPU did not encode: {why})"
        assert told in comment
        assert f"{told}.\n" in ended.said
    else:
        assert f"Encoded by {NVENC}.\n" in ended.said


def test_parts_of_different_encoders_are_not_joined(tmp_path):
    FILMS["languages.mp4"](tmp_path / "source.mp4")
    assert encode(tmp_path / "source.mp4", tmp_path / "run").output
    first, second = (joining.described(tmp_path / f"run/{n}/part.mp4") for n in (0, 1))
    with pytest.raises(sources.Unusable, match=r"part 1 was encoded by h264_nvenc, part 0 by lib"):
        joining.check_parts([first, replace(second, encoder=NVENC)])
