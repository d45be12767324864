"""Compares a joined video with what the source shows and lets hear: times, length and tracks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_sound as sounds
    from task_scripts import media_source as sources
else:  # on a node the files are in one folder
    import media_sound as sounds
    import media_source as sources

_SOUND_S = Fraction(1, 10)  # by how much transcoded sound may begin or end elsewhere
_COPY_S = Fraction(1, 500)  # what a container's time base may round away


@dataclass(frozen=True)
class Expected:
    """What the joined video has to have: times in `base`, and `end`, when the last frame ends.

    `notes` say what the source has and the output has not.
    """

    times: Sequence[int]
    end: int
    base: Fraction
    heard: Sequence[sounds.Heard]
    notes: Sequence[str] = field(default=())


def compare(joined: Path, expected: Expected, frames: int | None = None) -> None:
    """Raise Unusable unless the file has what is expected."""
    if frames is not None and frames != len(expected.times):
        raise sources.Unusable(
            f"{frames} frames were expected, but there are {len(expected.times)}"
        )
    with sources.opened(joined) as container:
        tracks = [t for t in container.streams if t.type in {"video", "audio", "subtitle"}]
        main = sources.main_video(container)
        ends = (main.start_time or 0) + (main.duration or 0)
        spans = {track.index: _Span(track) for track in tracks}
        for packet in container.demux(tracks):
            if packet.size and not packet.is_discard and packet.pts is not None:
                spans[packet.stream_index].add(packet)
        pictures = spans.pop(main.index)
    pictures.end = ends  # a packet does not know when the next frame is shown
    _compare_pictures(pictures, expected)
    _compare_tracks(list(spans.values()), expected.heard)


class _Span:
    """When the packets of a track are shown or heard."""

    def __init__(self, track: av.stream.Stream) -> None:
        self.kind, self.codec = track.type, sources.codec_of(track)
        self.language = track.language or "und"
        self.base = sources.exact(track.time_base)
        self.times: list[int] = []
        self.end = 0

    def add(self, packet: "av.Packet[av.stream.Stream]") -> None:
        self.times.append(sources.time_of(packet))
        self.end = max(self.end, self.times[-1] + (packet.duration or 0))


def _compare_pictures(found: _Span, expected: Expected) -> None:
    scale = expected.base / found.base
    wanted, there = [time * scale for time in expected.times], sorted(found.times)
    if len(wanted) != len(there):
        raise sources.Unusable(f"the source shows {len(wanted)} frames, the output {len(there)}")
    for number, (want, have) in enumerate(zip(wanted, there, strict=True)):
        if abs(want - have) > scale:
            said, is_ = float(want * found.base), float(have * found.base)
            raise sources.Unusable(f"frame {number} belongs at {said:.3f} s, and is at {is_:.3f} s")
    if abs(found.end - expected.end * scale) > max(scale, Fraction(1)):
        ends = float(expected.end * expected.base), float(found.end * found.base)
        raise sources.Unusable(
            "the picture ends at {:.3f} s in the source, at {:.3f} s".format(*ends)
        )


def _compare_tracks(found: Sequence[_Span], heard: Sequence[sounds.Heard]) -> None:
    kinds = [(track.kind, track.codec, track.language) for track in found if track.times]
    wanted = [(track.kind, track.codec, track.language) for track in heard]
    if kinds != wanted:
        raise sources.Unusable(f"the output has the tracks {kinds} instead of {wanted}")
    for number, (track, want) in enumerate(zip(found, heard, strict=True)):
        begins, ends = min(track.times) * track.base, track.end * track.base
        allowed = (want.longest if want.copied else _SOUND_S) + _COPY_S
        allowed += want.damaged * want.longest
        if abs(begins - (want.first or 0)) > allowed or abs(ends - want.end) > allowed:
            raise sources.Unusable(
                f"track {number + 1} ({want.codec}) is heard from {float(begins):.3f} s to "
                f"{float(ends):.3f} s instead of {float(want.first or 0):.3f} s to "
                f"{float(want.end):.3f} s"
            )
