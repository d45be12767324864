"""Finds when each frame is shown: from its packets where that is exact, else by decoding.

The packets of most files say when each frame is shown, and reading them costs little. The beginning
is decoded in any case. If it shows that packets and frames differ, all is decoded.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_source as sources
else:  # on a node the files are in one folder
    import media_source as sources

# Whether a frame has its own time, that of decoding, or the one that the frame rate gives it.
BY_TIME, BY_ORDER, BY_RATE = "time", "order", "rate"
_HEAD_PACKETS = 600  # decoded at most, to compare packets with frames
_TAIL = 4  # packets at the end of a recording, which may be cut off
_HIDDEN = {"vp8"}  # codecs with packets that show nothing


@dataclass(frozen=True)
class Timeline:
    """When frames are shown, in the track's time base; a new frame ends the one before.

    `keys` are the key frames: when each is shown, and where a reader has to seek for it. There are
    none if to begin in the midst is not exact.
    """

    times: Sequence[int]
    end: int
    keys: Sequence[tuple[int, int]]
    way: str = BY_TIME


class Backwards(sources.Unusable):
    """The times of the frames go back, or there are none."""

    def __init__(self) -> None:
        super().__init__(
            "the frames have no times, or times that go back: put the video into a container "
            "first, as `ffmpeg -fflags +genpts -i IN -c copy OUT.mkv` does"
        )


@dataclass
class _Packets:
    """What the packets of the track say; `damaged` are numbers of packets."""

    shown: list[int] = field(default_factory=list)
    last: tuple[int, int] = (-(1 << 62), 0)  # the latest frame, and how long its packet says
    keys: list[tuple[int, int]] = field(default_factory=list)
    exact: bool = True
    read: int = 0
    damaged: list[int] = field(default_factory=list)

    @property
    def trusted(self) -> bool:
        """Whether all have times, and none is damaged but at the end of a recording."""
        return self.exact and all(number > self.read - _TAIL for number in self.damaged)


class _Head:
    """Decodes the beginning wholly, and then one key frame a second, for their kind."""

    def __init__(self, track: av.VideoStream) -> None:
        self.times: list[int | None] = []
        self.open = True
        self._track = track
        self._kinds: set[tuple[int, int, str]] = set()
        self._key: list[int] = []
        self._next = -(1 << 62)

    def take(self, packet: "av.Packet[av.VideoStream]", number: int) -> None:
        """Decode a packet if it belongs to what is looked at. Raises Unusable."""
        if self.open:
            self._keep(decoded(self._track, packet))
            if packet.is_keyframe and packet.pts is not None:
                self._key.append(packet.pts)
            passed = len(self._key) > 1 and any(t and t >= self._key[1] for t in self.times)
            if passed or number >= _HEAD_PACKETS:
                self.open = False
                self._track.codec_context.skip_frame = "NONKEY"
            return
        if packet.is_keyframe and packet.dts is not None and packet.dts >= self._next:
            self._next = packet.dts + round(1 / self._track.time_base)
            self._check(decoded(self._track, packet))

    def end(self) -> None:
        """Take what the decoder still holds. Raises Unusable."""
        rest = decoded(self._track, None)
        if self.open:
            self._keep(rest)
        self._check(rest)

    def _keep(self, frames: Sequence[av.VideoFrame]) -> None:
        self._check(frames)
        self.times += [frame.pts for frame in frames]

    def _check(self, frames: Sequence[av.VideoFrame]) -> None:
        self._kinds |= {(f.width, f.height, f.format.name) for f in frames}
        if len(self._kinds) > 1:
            kinds = " and ".join(f"{w} x {h} {name}" for w, h, name in sorted(self._kinds))
            raise sources.Unusable(
                f"the picture changes within the video ({kinds}): cut it there, "
                "or bring it to one size first"
            )


def decoded(
    track: av.VideoStream, packet: "av.Packet[av.VideoStream] | None"
) -> list[av.VideoFrame]:
    """Decode a packet; what is damaged yields no frame."""
    try:
        return list(track.codec_context.decode(packet))
    except (av.error.FFmpegError, ValueError):  # a ValueError if the decoder did not open
        return []


def timeline(path: Path) -> Timeline:
    """Find when the frames of a file's main video are shown. Raises Unusable."""
    with sources.opened(path) as container:
        track = sources.main_video(container)
        track.codec_context.thread_type = "AUTO"
        head, packets = _Head(track), _Packets(exact=track.codec_context.name not in _HIDDEN)
        for packet in packets_of(container, track):
            _note(packets, packet)
            head.take(packet, packets.read)
        head.end()
        shown = _shown(packets, head) if packets.trusted else None
        if shown and sources.has_running_clock(container) and not head.open:
            shown = _whole_to_the_end(container, track, shown, max(packets.keys))
        if shown:
            end = end_of(container, track, *packets.last) if shown[-1] == packets.last[0] else None
            end = end or end_of(container, track, shown[-1], 0)
            return Timeline(shown, end, sorted(packets.keys))
    return _by_decoding(path, packets)


def packets_of(
    container: av.container.InputContainer, track: av.VideoStream
) -> Iterator["av.Packet[av.VideoStream]"]:
    """Yield the packets of a track from where the container is."""
    return (packet for packet in container.demux(track) if packet.size)


def _note(packets: _Packets, packet: "av.Packet[av.VideoStream]") -> None:
    packets.read += 1
    if packet.is_corrupt:
        packets.damaged.append(packets.read)
    if packet.pts is None:
        packets.exact = False
        return
    if packet.is_keyframe:
        packets.keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    if not packet.is_discard:
        packets.shown.append(packet.pts)
        packets.last = max(packets.last, (packet.pts, packet.duration or 0))


def _shown(packets: _Packets, head: _Head) -> list[int] | None:
    """Return the times if the beginning agrees with them; what cannot be decoded is not shown."""
    times, decoded = sorted(packets.shown), [time for time in head.times if time is not None]
    if not decoded or len(decoded) != len(head.times) or len(set(times)) != len(times):
        return None
    if decoded != sorted(set(decoded)):
        return None
    shown = [time for time in times if time >= decoded[0]]
    compared = shown if head.open else [time for time in shown if time <= decoded[-1]]
    return shown if compared == decoded else None


def _whole_to_the_end(
    container: av.container.InputContainer,
    track: av.VideoStream,
    shown: list[int],
    key: tuple[int, int],
) -> list[int] | None:
    """Return the times without frames at the end that cannot be decoded; None for other gaps."""
    container.seek(key[1], stream=track, backward=True, any_frame=False)
    track.codec_context.flush_buffers()
    track.codec_context.skip_frame = "DEFAULT"
    frames = [
        frame.pts
        for packet in itertools.chain(packets_of(container, track), [None])
        for frame in decoded(track, packet)
    ]
    there = sorted(time for time in frames if time is not None and time >= key[0])
    if not there or there[0] != key[0]:
        return None
    kept = [time for time in shown if time <= there[-1]]
    return kept if kept[-len(there) :] == there else None


def _by_decoding(path: Path, packets: _Packets) -> Timeline:
    """Decode everything; where the frames' own times are of no use, take others."""
    for way in (BY_TIME, BY_ORDER):
        with sources.opened(path) as container:
            track = sources.main_video(container)
            track.codec_context.thread_type = "AUTO"
            try:
                every = [(time, frame.duration) for time, frame in _all_of(container, track, way)]
            except Backwards:
                continue
            if not every:
                raise sources.Unusable("no frame of the video can be decoded")
            if regular := _regular([time for time, _ in every], _period(track)):
                return Timeline(regular, end_of(container, track, regular[-1], 0), (), BY_RATE)
            shown = list(dict(reversed(every)).items())[::-1]
            times = [time for time, _ in shown]
            keyed = way == BY_TIME and set(times) <= set(packets.shown)
            keys = sorted(packets.keys) if keyed else ()
            return Timeline(times, end_of(container, track, *shown[-1]), keys, way)
    raise Backwards


def frames_of(
    container: av.container.InputContainer, track: av.VideoStream, way: str
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield each frame with the time when it is shown, in the order of these times.

    Of frames of the same moment only the first is shown. Raises Backwards.
    """
    if way == BY_RATE:
        yield from _by_rate(container, track)
        return
    last: int | None = None
    for time, frame in _all_of(container, track, way):
        if time != last:
            yield time, frame
        last = time


def _by_rate(
    container: av.container.InputContainer, track: av.VideoStream
) -> Iterator[tuple[int, av.VideoFrame]]:
    first: int | None = None
    for number, (time, frame) in enumerate(_all_of(container, track, BY_TIME)):
        first = time if first is None else first
        yield first + round(number * _period(track)), frame


def _period(track: av.VideoStream) -> Fraction:
    """Return how long a frame of a steady rate is shown, in the track's time base; 0: unknown."""
    rate = track.guessed_rate or track.average_rate
    return 1 / (sources.exact(rate) * sources.exact(track.time_base)) if rate else Fraction(0)


def _regular(times: Sequence[int], period: Fraction) -> Sequence[int]:
    """Return the times of a steady rate if some are the same and as many moments have no frame.

    A pack of MPEG-PS has one time for several frames, which readers give to the wrong one where a
    frame begins at the seam of two packs: it comes one frame late, and another one twice.
    """
    if len(set(times)) == len(times):
        return ()
    steady = [times[0] + round(number * period) for number in range(len(times))]
    late = all(-1 <= a - b <= period + 1 for a, b in zip(times, steady, strict=True))
    return steady if late and abs(steady[-1] - times[-1]) <= 1 else ()


def _all_of(
    container: av.container.InputContainer, track: av.VideoStream, way: str
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield each frame with its time; times may be the same, but never go back."""
    last: int | None = None
    step = 1
    for packet in itertools.chain(packets_of(container, track), [None]):
        for frame in decoded(track, packet):
            time = frame.dts if way == BY_ORDER else frame.pts
            if time is None and last is not None and way == BY_ORDER:
                time = last + step
            if time is None or (last is not None and time < last):
                raise Backwards
            yield time, frame
            last, step = time, frame.duration or step


def end_of(
    container: av.container.InputContainer, track: av.VideoStream, last: int, duration: int
) -> int:
    """Return when the last frame ends; only an MP4 or MOV says it for the whole track."""
    if container.format.name.startswith("mov") and track.duration and track.start_time is not None:
        whole: int = track.start_time + track.duration
        if whole > last:
            return whole
    return last + (duration or round(_period(track)) or 1)
