"""What a video looks like: pixels, colours, fields, shape; and how the encoder keeps it.

All of it comes from the head of the file, so that every part of a video is encoded alike.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_filters as filtering
else:  # on a node the files are in one folder
    import media_filters as filtering

_INTERLACED = (2, 3, 4, 5)  # AVFieldOrder: all but unknown and progressive
_RGB = 0  # AVColorSpace
_BT709 = 1
_LIMITED, _FULL = 1, 2  # AVColorRange
_DEEP = 8  # bits; above it the output has ten
_HALF = 50_000  # steps of a chromaticity coordinate in x264's options, 0.00002 each
_TENTH = 10_000  # steps of a luminance


@dataclass(frozen=True)
class Look:
    """What every part of a video has in common."""

    width: int
    height: int
    format: str
    interlaced: bool
    colours: tuple[int, int, int, int]  # primaries, transfer, matrix, range
    chroma: int
    aspect: Fraction
    rate: Fraction
    hdr: str

    @property
    def kind(self) -> tuple[int, int, str]:
        """What may not change from frame to frame."""
        return self.width, self.height, self.format

    @property
    def rgb(self) -> bool:
        """Whether the pixels are no YUV yet."""
        return av.VideoFormat(self.format).is_rgb or self.format.startswith(("pal", "gbr"))

    @property
    def target(self) -> str:
        """The output's pixel format: 4:2:0, with ten bits if the source has more than eight."""
        deep = max(part.bits for part in av.VideoFormat(self.format).components) > _DEEP
        return "yuv420p10le" if deep else "yuv420p"


def look_of(track: av.VideoStream, frame: av.VideoFrame) -> Look:
    """Read the look of a track whose first frame is this."""
    context = track.codec_context
    return Look(
        width=frame.width,
        height=frame.height,
        format=frame.format.name,
        interlaced=context.field_order in _INTERLACED or frame.interlaced_frame,
        colours=(
            int(frame.color_primaries),
            int(frame.color_trc),
            int(frame.colorspace),
            int(frame.color_range),
        ),
        chroma=int(context.chroma_sample_location),
        aspect=_ratio(track.sample_aspect_ratio, 1),
        rate=_ratio(track.guessed_rate or track.average_rate, 25),
        hdr=":".join(_hdr(context, frame)),
    )


def _ratio(found: "av.rational.AVRational | None", otherwise: int) -> Fraction:
    return Fraction(found.numerator, found.denominator) if found else Fraction(otherwise)


def _hdr(context: av.VideoCodecContext, frame: av.VideoFrame) -> Iterator[str]:
    """Yield x264's options for the light of an HDR screen and of the content."""
    screen = _side(context, frame, "mastering_display_metadata", "MASTERING_DISPLAY_METADATA")
    if screen and len(screen) >= 88:  # noqa: PLR2004 - ten fractions and two flags
        numbers = struct.unpack("=20i2i", screen[:88])
        ratio = [Fraction(n, d or 1) for n, d in zip(numbers[:20:2], numbers[1:20:2], strict=True)]
        if numbers[20] and numbers[21]:
            red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (
                round(value * _HALF) for value in ratio[:8]
            )
            low, high = (round(value * _TENTH) for value in ratio[8:])
            yield (
                f"mastering-display=G({green_x},{green_y})B({blue_x},{blue_y})"
                f"R({red_x},{red_y})WP({white_x},{white_y})L({high},{low})"
            )
    light = _side(context, frame, "content_light_level", "CONTENT_LIGHT_LEVEL")
    if light and len(light) >= 8:  # noqa: PLR2004 - two numbers
        yield "cll={},{}".format(*struct.unpack("=II", light[:8]))


def _side(
    context: av.VideoCodecContext, frame: av.VideoFrame, packet_kind: str, frame_kind: str
) -> bytes | None:
    """Find side data of the track, or else of its first frame."""
    if packet_kind in context.coded_side_data:
        return bytes(context.coded_side_data[packet_kind])
    found = [data for data in frame.side_data.values() if data.type.name == frame_kind]
    return bytes(found[0]) if found else None


def dress(
    encoder: av.VideoCodecContext, look: Look, options: dict[str, str], base: Fraction
) -> None:
    """Set all options of an encoder; parts with different options would not join."""
    encoder.width = look.width + look.width % 2
    encoder.height = look.height + look.height % 2
    encoder.pix_fmt = look.target
    encoder.time_base = base
    encoder.framerate = look.rate
    encoder.gop_size = 250
    encoder.thread_count = 1
    encoder.sample_aspect_ratio = look.aspect
    primaries, transfer, matrix, width = look.colours
    encoder.color_primaries, encoder.color_trc = primaries, transfer
    encoder.colorspace = _BT709 if look.rgb else matrix
    encoder.color_range = _LIMITED if look.rgb else width
    encoder.chroma_sample_location = look.chroma
    if look.interlaced:
        flags = av.codec.context.Flags
        encoder.flags |= flags.interlaced_dct | flags.interlaced_me
    encoder.options = options


def filters(look: Look, *, deinterlace: bool) -> list[tuple[str, str]]:
    """Return the filters that bring a frame to the encoder's pixels; mostly none."""
    chain: list[tuple[str, str]] = []
    if deinterlace:
        chain.append(("bwdif", "mode=send_frame:deint=interlaced"))
    full = look.colours[3] == _FULL or look.format.startswith("yuvj")
    if look.format not in {look.target, look.target.replace("yuv", "yuvj")}:
        range_ = "full" if full and not look.rgb else "limited"
        colours = f"out_range={range_}:interl=-1"
        colours += ":out_color_matrix=bt709" if look.rgb else f":in_range={range_}"
        chain += [("scale", colours), ("format", f"pix_fmts={look.target}")]
    if look.width % 2 or look.height % 2:
        right, bottom = look.width % 2, look.height % 2
        chain += [
            ("pad", f"width={look.width + right}:height={look.height + bottom}"),
            ("fillborders", f"right={right}:bottom={bottom}:mode=smear"),
        ]
    return chain


class Dresser:
    """Passes frames through the filters; without filters it passes them as they are."""

    def __init__(self, look: Look, base: Fraction, *, deinterlace: bool) -> None:
        self._base = base
        chain = filters(look, deinterlace=deinterlace)
        self._graph = self._built(look, chain) if chain else None

    def _built(self, look: Look, chain: list[tuple[str, str]]) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        _, _, matrix, width = look.colours
        given = (
            f"video_size={look.width}x{look.height}:pix_fmt={look.format}"
            f":time_base={self._base.numerator}/{self._base.denominator}"
            f":pixel_aspect={look.aspect.numerator}/{look.aspect.denominator}"
            f":colorspace={matrix}:range={width}"
        )
        filtering.chain(graph, graph.add("buffer", given), [*chain, ("buffersink", "")])
        return graph

    def through(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Yield what a frame becomes; None means the end."""
        if self._graph is None:
            if frame is not None:
                yield frame
            return
        for done in filtering.filtered(self._graph, frame):
            done.pts = round((done.pts or 0) * _ratio(done.time_base, 1) / self._base)
            done.time_base = self._base
            if isinstance(done, av.VideoFrame):
                yield done
