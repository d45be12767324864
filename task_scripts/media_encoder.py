"""Chooses the encoder of a part: x264, or NVENC if the task has a GPU and the GPU can encode it.

All parts of a video need the same encoder: the choice depends on its head and on the node alone.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_look as looks
else:  # on a node the files are in one folder
    import media_look as looks

X264, NVENC = "libx264", "h264_nvenc"
_GPU = "cuda"
# The presets of x264, and of NVENC, which counts them from fast to good.
PRESETS = {
    "ultrafast": "p1",
    "superfast": "p1",
    "veryfast": "p2",
    "faster": "p3",
    "fast": "p3",
    "medium": "p4",
    "slow": "p5",
    "slower": "p6",
    "veryslow": "p7",
}


class Encoder(NamedTuple):
    """An encoder, and why it is not that of the GPU which the task has; empty if it is."""

    name: str
    note: str = ""


def chosen(device: str, look: looks.Look, refusal: "Callable[[looks.Look], str]") -> Encoder:
    """Choose the encoder for a device, `cuda:0` or `cpu`; `refusal` asks whether NVENC works."""
    if not device.startswith(_GPU):
        return Encoder(X264)
    why = _not_for_nvenc(look) or refusal(look)
    return Encoder(X264, f"the GPU did not encode: {why}") if why else Encoder(NVENC)


def _not_for_nvenc(look: looks.Look) -> str:
    if look.interlaced:
        return "the picture is interlaced"
    if look.target != "yuv420p":
        return "H.264 with ten bits"
    if look.hdr:
        return "its metadata of HDR needs x264"
    return ""


def refusal(look: looks.Look, name: str = NVENC) -> str:
    """Open NVENC for such a video; return why it cannot be opened, or nothing."""
    try:
        codec = av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return f"this build of ffmpeg has no {name}"
    context = codec.create("video")
    looks.dress(context, look, options(name, look, {}), Fraction(1, 1000))
    try:
        context.open()
    except av.error.FFmpegError as error:
        return f"{name} does not open ({error.strerror})"
    return ""


def options(name: str, look: looks.Look, quality: Mapping[str, str]) -> dict[str, str]:
    """Return the options of an encoder for a quality: `crf` and a preset, as x264 names them."""
    if name == NVENC:
        # Constant quality on the scale of H.264's quantizers, as CRF is; a rate would limit it.
        crf, preset = quality.get("crf", "23"), quality.get("preset", "medium")
        return {"rc": "vbr", "cq": crf, "b": "0", "preset": PRESETS[preset]}
    hdr = {"x264-params": look.hdr} if look.hdr else {}
    return {**quality, **hdr}
