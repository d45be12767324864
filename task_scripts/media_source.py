"""Opens a stranger's video with no way to anything but its own bytes, and chooses its tracks.

What the media programs share; it starts nothing by itself.
"""

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

# Formats that contain the video itself: a playlist could make the node read other files.
FORMATS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,h264,hevc,flv,ogg,asf,mxf,yuv4mpegpipe,gif,ivf"
_ONLY = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
SUBTITLES = ("mov_text",)  # the kinds that an MP4 holds
_DEFAULT_TRACK = 5_000_000  # what ffmpeg adds to the number of pixels of a default track
_CLOCK_S = 10  # a video that starts later than this has the clock of a recorder


class Unusable(Exception):
    """The work cannot be done; the message says why, and what helps."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a file for reading. Raises Unusable, also for what libav says while it is read."""
    try:
        container = av.open(f"file:{path.absolute()}", "r", options=dict(_ONLY))
    except (av.error.FFmpegError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Unusable(f"ffmpeg cannot read this input as a video ({why})") from error
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        raise Unusable(f"ffmpeg cannot go on with {path.name} ({error.strerror})") from error


def exact(ratio: "av.rational.AVRational") -> Fraction:
    """Return a ratio of libav as Python's."""
    return Fraction(ratio.numerator, ratio.denominator)


def time_of(packet: "av.Packet[Any]") -> int:
    """Return when a packet is shown or heard. Raises Unusable if it does not say."""
    if packet.pts is None:
        raise Unusable("a packet has no time")
    return packet.pts


def main_video(container: av.container.InputContainer) -> av.VideoStream:
    """Choose the track that ffmpeg itself would choose, and never a picture. Raises Unusable."""
    tracks = [track for track in container.streams.video if not is_picture(track)]
    known = [track for track in tracks if codec_of(track) and track.codec_context.width]
    if not known:
        what = "whose codec is known" if tracks else "besides pictures"
        raise Unusable(f"the file has no video track {what}: there is nothing to encode")
    return max(known, key=_rank)


def _rank(track: av.VideoStream) -> tuple[int, int]:
    pixels = track.codec_context.width * track.codec_context.height
    default = bool(track.disposition & av.stream.Disposition.default)
    return pixels + _DEFAULT_TRACK * default, -track.index


def is_picture(track: av.stream.Stream) -> bool:
    """Return whether a video track is a cover or a thumbnail."""
    kinds = av.stream.Disposition
    return bool(track.disposition & (kinds.attached_pic | kinds.timed_thumbnails))


def sound_tracks(container: av.container.InputContainer) -> list[av.AudioStream]:
    """Return every sound track that has sound, in the order of the file."""
    return [track for track in container.streams.audio if not is_silent(track)]


def is_silent(track: av.AudioStream) -> bool:
    """Return whether a sound track was announced, but nothing of it ever came."""
    return track.codec_context is not None and not track.codec_context.sample_rate


def has_running_clock(container: av.container.InputContainer) -> bool:
    """Return whether times begin anywhere, as in the stream of a broadcast."""
    return container.format.name.startswith("mpeg")


def zero_of(
    container: av.container.InputContainer, first: Fraction, tracks: Sequence[av.stream.Stream]
) -> Fraction:
    """Return which moment of the source, in seconds, is the output's zero.

    A file keeps its own zero. A transport or program stream, and what begins with the clock of a
    recorder, begins with its first picture or sound; nothing begins before zero.
    """
    starts = [track.start_time * exact(track.time_base) for track in tracks if track.start_time]
    silent = [Fraction(0) for track in tracks if track.start_time == 0]
    begin = min([first, *starts, *silent])
    return begin if has_running_clock(container) or begin < 0 or begin > _CLOCK_S else Fraction(0)


def codec_of(track: av.stream.Stream) -> str:
    """Name the codec of a track, whichever decoder reads it; empty if it is unknown."""
    try:
        return track.codec_context.codec.canonical_name if track.codec_context else ""
    except ValueError:  # PyAV's word for a codec that is unknown, or did not open
        return ""


def label(track: av.stream.Stream) -> str:
    """Name a track in a message: its kind, number, codec and language."""
    codec = codec_of(track) or "unknown codec"
    language = f", {track.language}" if track.language not in {None, "und"} else ""
    return f"{track.type} track {track.index} ({codec}{language})"


def left_out(container: av.container.InputContainer) -> Iterator[str]:
    """Name what an MP4 output cannot keep, one by one."""
    main = main_video(container)
    pixels = main.codec_context.format
    if pixels and any(part.is_alpha for part in pixels.components):
        yield "the transparency of the picture"
    for track in container.streams:
        if track.type == "video" and track.index != main.index:
            yield f"{label(track)}, as a cover" if is_picture(track) else f"{label(track)}"
        elif track.type == "subtitle" and codec_of(track) not in SUBTITLES:
            yield f"{label(track)}, since MP4 cannot hold it"
        elif isinstance(track, av.AudioStream) and is_silent(track):
            yield f"{label(track)}, which is empty"
        elif track.type not in {"video", "audio", "subtitle"} and not _is_chapters(
            container, track
        ):
            yield f"{track.type} track {track.index}"


def _is_chapters(container: av.container.InputContainer, track: av.stream.Stream) -> bool:
    """Return whether a data track of an MP4 or MOV only repeats the chapters."""
    handler = track.metadata.get("handler_name", "")
    return bool(container.chapters()) and track.type == "data" and "TimeCode" not in handler
