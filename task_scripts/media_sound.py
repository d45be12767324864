"""Carries the tracks beside the picture into an MP4: copied where it can hold them, else as AAC.

A track takes packets of the source and gives packets of the output. Times are moved so that the
output's zero is the moment of the source that `zero` says; nothing else of them changes.
"""

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_filters as filtering
    from task_scripts import media_source as sources
else:  # on a node the files are in one folder
    import media_filters as filtering
    import media_source as sources

# What players find in an MP4. Others, such as PCM or Vorbis, become AAC.
COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")
_BITS = 96_000  # of AAC, a second and channel
_FRAME = 1024
_TRIED = 100  # packets until a track counts as unreadable
_ROLL = 2  # packets that a decoder needs before the first one that is heard


@dataclass
class Heard:
    """What went into a track of the output: from when to when, and how many packets."""

    kind: str
    codec: str
    language: str
    copied: bool
    first: Fraction | None = None
    longest: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    packets: int = 0
    damaged: int = 0

    def add(self, start: Fraction, end: Fraction) -> None:
        """Take note of what is heard from one moment to another."""
        self.first = start if self.first is None else min(self.first, start)
        self.end = max(self.end, end)
        self.longest = max(self.longest, end - start)


def tracks_of(
    container: av.container.InputContainer, out: av.container.OutputContainer, zero: Fraction
) -> dict[int, "Copied | Encoded"]:
    """Give the output all tracks beside the picture that it can hold, by their number."""
    made: dict[int, Copied | Encoded] = {}
    for track in sources.sound_tracks(container):
        copied = sources.codec_of(track) in COPIED
        made[track.index] = (Copied if copied else Encoded)(track, out, zero)
    for words in container.streams.subtitles:
        if sources.codec_of(words) in sources.SUBTITLES:
            made[words.index] = Copied(words, out, zero)
    return made


def unreadable(container: av.container.InputContainer) -> list[str]:
    """Name the sound tracks that can be neither copied nor decoded, by their first packets."""
    found = {
        track.index: track
        for track in sources.sound_tracks(container)
        if sources.codec_of(track) not in COPIED
    }
    names = {index: sources.label(track) for index, track in found.items()}
    left = {index: _TRIED for index, track in found.items() if sources.codec_of(track)}
    for packet in container.demux([found[index] for index in left]) if left else ():
        if packet.size and left.get(packet.stream_index, 0):
            left[packet.stream_index] -= 1
            if decoded(found[packet.stream_index], packet):
                del left[packet.stream_index], found[packet.stream_index]
        if not any(left.values()):
            break
    return [names[index] for index in found]


def decoded(
    track: av.AudioStream, packet: "av.Packet[av.stream.Stream] | None"
) -> list[av.AudioFrame] | None:
    """Decode a packet of sound; None if it is damaged."""
    try:
        return list(track.codec_context.decode(packet))
    except (av.error.FFmpegError, ValueError):  # a ValueError if the decoder did not open
        return None


def _name(track: av.stream.Stream, into: av.stream.Stream) -> None:
    """Keep what a user reads of a track, and whether it plays by default."""
    kept = ("language", "title", "handler_name")
    into.metadata.update({key: track.metadata[key] for key in kept if key in track.metadata})
    into.disposition = track.disposition


class Copied:
    """A track whose packets stay as they are."""

    def __init__(
        self, track: av.stream.Stream, out: av.container.OutputContainer, zero: Fraction
    ) -> None:
        self._into = out.add_stream_from_template(track)
        self._base = sources.exact(track.time_base)
        self._rate = getattr(track.codec_context, "sample_rate", 0) or 1
        self._into.time_base = self._base
        _name(track, self._into)
        self._shift = round(zero / self._base)
        self._latest: int | None = None
        self._before: deque[av.Packet[av.stream.Stream]] = deque(maxlen=_ROLL)
        self.heard = Heard(track.type, sources.codec_of(track), track.language or "und", True)

    def take(
        self, packet: "av.Packet[av.stream.Stream]"
    ) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Yield the packet with its new time; those before the first heard one only as needed."""
        if packet.pts is None:
            return
        if packet.is_discard:
            if self.heard.first is None:
                self._before.append(packet)
            return
        while self._before:
            yield self._moved(self._before.popleft())
        moved = self._moved(packet)
        if moved.dts is not None and self._latest is not None and moved.dts <= self._latest:
            self.heard.damaged += 1  # an MP4 has no room for times that go back
            return
        self._latest = moved.dts
        start = sources.time_of(moved) * self._base
        end = start + (moved.duration or 0) * self._base
        self.heard.add(start + min(self._skipped(moved), end - start), end)
        yield moved

    def _skipped(self, packet: "av.Packet[av.stream.Stream]") -> Fraction:
        """Return how much of a packet a player leaves out at its beginning, in seconds."""
        if not packet.has_sidedata("skip_samples"):
            return Fraction(0)
        (samples,) = struct.unpack_from("<I", bytes(packet.get_sidedata("skip_samples")))
        return Fraction(samples, self._rate)

    def _moved(self, packet: "av.Packet[av.stream.Stream]") -> "av.Packet[av.stream.Stream]":
        packet.pts = sources.time_of(packet) - self._shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - self._shift
        packet.stream = self._into
        return packet

    def end(self) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Yield nothing: a copy holds nothing back."""
        return iter(())


class Encoded:
    """A sound track that MP4 players do not know, as AAC."""

    def __init__(
        self, track: av.AudioStream, out: av.container.OutputContainer, zero: Fraction
    ) -> None:
        context = track.codec_context
        self._track = track
        self._graph: av.filter.Graph | None = None
        self._rate = context.sample_rate if context.sample_rate in _RATES else 48000
        layout = context.layout.name
        several = "stereo" if context.layout.nb_channels > 1 else "mono"
        self._layout = layout if layout in _LAYOUTS else several
        self._into = out.add_stream("aac", rate=self._rate, layout=self._layout)
        self._into.bit_rate = min(_BITS * self._into.layout.nb_channels, 512_000)
        _name(track, self._into)
        self._base = sources.exact(track.time_base)
        self._shift = round(zero / self._base)
        self.heard = Heard("audio", "aac", track.language or "und", False)

    def take(
        self, packet: "av.Packet[av.stream.Stream] | None"
    ) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Yield what a packet becomes. Raises Unusable for sound that cannot be decoded."""
        for frame in self._decoded(packet):
            if self._graph is None:
                self._graph = self._built(frame)
            if frame.pts is not None:
                frame.pts -= self._shift
                start = frame.pts * sources.exact(frame.time_base)
                self.heard.add(start, start + Fraction(frame.samples, frame.sample_rate))
            yield from self._through(frame)

    def end(self) -> Iterator["av.Packet[av.stream.Stream]"]:
        """Yield what the filters and the encoder still hold."""
        yield from self.take(None)
        if self._graph is not None:
            yield from self._through(None)
        yield from self._packets(None)

    def _decoded(self, packet: "av.Packet[av.stream.Stream] | None") -> list[av.AudioFrame]:
        """Decode a packet; silence stands for what is damaged."""
        frames = decoded(self._track, packet)
        self.heard.damaged += frames is None
        return frames or []

    def _built(self, frame: av.AudioFrame) -> av.filter.Graph:
        """Make the filters that fill gaps of the sound with silence and cut it into AAC frames."""
        graph = av.filter.Graph()
        begin = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        shape = f"sample_fmts=fltp:sample_rates={self._rate}:channel_layouts={self._layout}"
        parts = (
            ("aresample", f"osr={self._rate}:async=1"),
            ("aformat", shape),
            ("asetnsamples", f"n={_FRAME}:p=0"),
            ("abuffersink", ""),
        )
        filtering.chain(graph, begin, parts)
        return graph

    def _through(self, frame: av.AudioFrame | None) -> Iterator["av.Packet[av.stream.Stream]"]:
        assert self._graph is not None  # noqa: S101 - only called once there is one
        for ready in filtering.filtered(self._graph, frame):
            if isinstance(ready, av.AudioFrame):
                yield from self._packets(ready)

    def _packets(self, frame: av.AudioFrame | None) -> Iterator["av.Packet[av.stream.Stream]"]:
        yield from self._into.encode(frame)
