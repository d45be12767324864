"""Encodes the frames of a video that are shown in one span to H.264, so that the parts join.

Writes `part.mp4`: only video, every frame of the span exactly once, at the source's own times. Its
comment says which span it has, and which encoder made it. Fails unless there are exactly
`end - start` frames. Without times the frames are counted from the beginning.
"""

import argparse
import bisect
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_encoder as encoders
    from task_scripts import media_look as looks
    from task_scripts import media_source as sources
    from task_scripts import media_times as timing
else:  # on a node the files are in one folder
    import media_encoder as encoders
    import media_look as looks
    import media_source as sources
    import media_times as timing

FINEST = 1_000_000  # steps of a second in a part; an MP4 with more has no room for long pauses


@dataclass(frozen=True)
class Span:
    """The frames from `start` to `end`, and when they are shown; `seek` is where to begin."""

    start: int
    end: int
    start_time: int
    end_time: int
    seek: int | None
    way: str = timing.BY_TIME

    @property
    def frames(self) -> int:
        """How many frames the part has to have."""
        return self.end - self.start


@dataclass(frozen=True)
class Scale:
    """The time base of the part: the source's own, unless that is too fine for an MP4."""

    base: Fraction
    coarser: int

    @classmethod
    def of(cls, base: Fraction) -> "Scale":
        """Choose the time base for a source's."""
        coarser = -(-base.denominator // FINEST)
        return cls(base * coarser, coarser)

    def of_part(self, time: int) -> int:
        """Return a time of the source in the part's time base."""
        return round(Fraction(time, self.coarser))

    def placed(self, span: Span) -> Span:
        """Return a span in the part's time base."""
        start, end = self.of_part(span.start_time), self.of_part(span.end_time)
        return replace(span, start_time=start, end_time=end)


@dataclass(frozen=True)
class Wish:
    """The quality that a part has to have, and the device of its task: `cuda:0` or `cpu`."""

    quality: Mapping[str, str]
    device: str = "cpu"


class _Interlaced(Exception):
    """A video that seemed progressive has an interlaced frame."""


class _Elsewhere(Exception):
    """Decoding from a key frame did not give the frames of the span."""


def encode(source: Path, part: Path, span: Span, wish: Wish) -> None:
    """Write the part. Raises Unusable unless it has exactly the frames of the span."""
    deinterlace = False
    while True:
        try:
            _write(source, part, span, wish, deinterlace=deinterlace)
        except _Interlaced:
            deinterlace = True
        except _Elsewhere:
            sys.stdout.write("The key frame did not give all frames: decoded from the start.\n")
            span = replace(span, seek=None)
        else:
            return


def _write(source: Path, part: Path, span: Span, wish: Wish, *, deinterlace: bool) -> None:
    with sources.opened(source) as container:
        track = sources.main_video(container)
        look = _look(source, span.way)
        encoder = encoders.chosen(wish.device, look, encoders.refusal)
        scale = Scale.of(sources.exact(track.time_base))
        base, placed = scale.base, scale.placed(span)
        wanted = _frames(container, track, span)
        options = {"movie_timescale": str(base.denominator)}
        with av.open(f"file:{part.absolute()}", "w", format="mp4", options=options) as out:
            out.metadata["comment"] = json.dumps(_facts(placed, base, encoder))
            encoded: av.VideoStream
            encoded = out.add_stream(encoder.name, rate=look.rate)  # type: ignore[assignment]  # by its name
            given = encoders.options(encoder.name, look, wish.quality)
            looks.dress(encoded.codec_context, look, given, base)
            encoded.time_base = base
            dresser = looks.Dresser(look, base, deinterlace=deinterlace)
            writer = _Writer(out, encoded, placed, dresser)
            for time, frame in wanted:
                if frame.interlaced_frame and not (look.interlaced or deinterlace):
                    raise _Interlaced
                if (frame.width, frame.height, frame.format.name) != look.kind:
                    raise sources.Unusable("the size or pixel format changes within the video")
                writer.add(scale.of_part(time), frame)
            writer.end()
    writer.check()


def _facts(span: Span, base: Fraction, encoder: encoders.Encoder) -> dict[str, object]:
    return {
        "frames": [span.start, span.end],
        "times": [span.start_time, span.end_time],
        "time_base": [base.numerator, base.denominator],
        "encoder": [*encoder],
    }


def _look(source: Path, way: str) -> looks.Look:
    with sources.opened(source) as container:
        track = sources.main_video(container)
        track.codec_context.thread_count = 1
        for _, frame in timing.frames_of(container, track, way):
            return looks.look_of(track, frame)
    raise sources.Unusable("no frame of the video can be decoded")


def _frames(
    container: av.container.InputContainer, track: av.VideoStream, span: Span
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield the frames of the span, from the key frame where decoding may begin."""
    track.codec_context.thread_count = 1
    if span.seek is not None:
        container.seek(span.seek, stream=track, backward=True, any_frame=False)
    first = True
    for time, frame in timing.frames_of(container, track, span.way):
        if first and span.seek is not None and time > span.start_time:
            raise _Elsewhere
        first = False
        if time >= span.end_time:
            return
        if time >= span.start_time:
            yield time, frame


class _Writer:
    """Encodes the frames of a span; times in the part begin with its first frame."""

    def __init__(
        self,
        out: av.container.OutputContainer,
        encoded: av.VideoStream,
        span: Span,
        dresser: looks.Dresser,
    ) -> None:
        self._out, self._encoded, self._span, self._dresser = out, encoded, span, dresser
        self._times: list[int] = []

    def add(self, time: int, frame: av.VideoFrame) -> None:
        """Encode a frame of the source."""
        self._times.append(time - self._span.start_time)
        frame.pts = self._times[-1]
        self._encode(frame)

    def end(self) -> None:
        """Encode what the filters and the encoder still hold."""
        self._encode(None)
        self._mux(self._encoded.encode(None))

    def _encode(self, frame: av.VideoFrame | None) -> None:
        for dressed in self._dresser.through(frame):
            dressed.pict_type = 0  # the encoder chooses its own kinds
            self._mux(self._encoded.encode(dressed))

    def _mux(self, packets: "Sequence[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            time = sources.time_of(packet)
            packet.duration = self._until(time) - time
            self._out.mux(packet)

    def _until(self, time: int) -> int:
        """Return when the frame after this one is shown."""
        following = bisect.bisect_right(self._times, time)
        bounds = [*self._times[following : following + 1], self._length]
        return bounds[0]

    @property
    def _length(self) -> int:
        return self._span.end_time - self._span.start_time

    def check(self) -> None:
        """Raise Unusable, or _Elsewhere after a seek, unless all frames of the span came."""
        times = self._times
        if len(times) == self._span.frames and times and times[0] == 0:
            return
        if self._span.seek is not None:
            raise _Elsewhere
        raise sources.Unusable(
            f"{self._span.frames} frames were expected, but there are {len(times)}"
        )


def _counted(source: Path, start: int, end: int) -> Span:
    """Find the span of frames that were only counted. Raises Unusable."""
    found = timing.timeline(source)
    bounds = [*found.times, found.end]
    if end >= len(bounds):
        expected, there = end - start, max(len(found.times) - start, 0)
        raise sources.Unusable(f"{expected} frames were expected, but there are {there}")
    return Span(start, end, bounds[start], bounds[end], None, found.way)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--start", type=int, required=True, help="first frame")
    parser.add_argument("--end", type=int, required=True, help="the frame after the last")
    parser.add_argument(
        "--start-time", type=int, help="when the first frame is shown, in the track's time base"
    )
    parser.add_argument(
        "--end-time", type=int, help="when the last frame ends, in the track's time base"
    )
    parser.add_argument(
        "--seek-time", type=_seek, default=timing.BY_TIME, help="where decoding begins"
    )
    parser.add_argument("--crf", type=int, default=23, choices=range(52), metavar="0..51")
    parser.add_argument("--preset", default="medium", choices=[*encoders.PRESETS])
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.start < arguments.end:
        parser.error("--start must not be negative, and --end must be above it")
    if (arguments.start_time is None) != (arguments.end_time is None):
        parser.error("--start-time and --end-time belong together")
    return arguments


def _seek(text: str) -> int | str:
    return text if text in {timing.BY_TIME, timing.BY_ORDER, timing.BY_RATE} else int(text)


def _span(asked: argparse.Namespace) -> Span:
    if asked.start_time is None:
        return _counted(asked.input, asked.start, asked.end)
    seek = asked.seek_time
    key, way = (seek, timing.BY_TIME) if isinstance(seek, int) else (None, seek)
    return Span(asked.start, asked.end, asked.start_time, asked.end_time, key, way)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Encode the frames of the span into part.mp4."""
    asked = _arguments(argv)
    quality = {"preset": asked.preset, "crf": str(asked.crf)}
    wish = Wish(quality, environ.get("FANFARE_DEVICE", "cpu"))
    part = asked.output / "part.mp4"
    try:
        encode(asked.input, part, _span(asked), wish)
    except sources.Unusable as error:
        part.unlink(missing_ok=True)
        sys.stderr.write(f"Frames {asked.start} to {asked.end}: {error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
