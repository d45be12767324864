"""Joins encoded parts into one video without new encoding, with all sound of the source.

Reads `parts.json`: a list with `file` in playing order; relative paths start from its folder. Each
part says in its comment which frames it has and when they are shown. Fails unless the joined video
has every frame of its parts at the source's own time, and every track that an MP4 can hold.
"""

import argparse
import heapq
import itertools
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING or __package__:
    from task_scripts import media_compare as comparing
    from task_scripts import media_sound as sounds
    from task_scripts import media_source as sources
else:  # on a node the files are in one folder
    import media_compare as comparing
    import media_sound as sounds
    import media_source as sources


# A packet of the output, when it is decoded in seconds, and what its track of sound counts.
Timed = tuple[Fraction, "av.Packet[Any]", "sounds.Heard | None"]


@dataclass(frozen=True)
class Part:
    """An encoded part: its frames, when they are shown, and its packets' times as they lie.

    `encoder` made it; `note` says why that is not the GPU's, if the task had one.
    """

    path: Path
    frames: tuple[int, int]
    times: tuple[int, int]
    base: Fraction
    packets: Sequence[int]
    setup: bytes
    encoder: str
    note: str

    @property
    def made(self) -> str:
        """The encoder, and why it was taken."""
        return f"{self.encoder} ({self.note})" if self.note else self.encoder


def read_parts(listing: Path) -> list[Path]:
    """Read the paths of the parts, in order. Raises Unusable."""
    try:
        entries = json.loads(listing.read_bytes())
        parts = [listing.absolute().parent / entry["file"] for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise sources.Unusable(f"{listing.name} is not a list of parts: {error!r}") from error
    missing = [part for part in parts if not part.is_file()]
    if missing or not parts:
        raise sources.Unusable(f"{len(missing)} of {len(parts)} parts are missing")
    return parts


def described(path: Path) -> Part:
    """Read what a part says of itself, and its packets. Raises Unusable."""
    with sources.opened(path) as container:
        track = sources.main_video(container)
        try:
            facts = json.loads(container.metadata.get("comment", ""))
            frames, times = tuple(facts["frames"]), tuple(facts["times"])
            base = Fraction(*facts["time_base"])
            encoder, note = facts.get("encoder", ("libx264", ""))
        except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
            raise sources.Unusable(
                f"{path.name} does not say which frames it has: media_encode.py of another "
                "release made it. Start a new run instead of a redrive"
            ) from error
        scale = sources.exact(track.time_base) / base
        shown = [round(sources.time_of(packet) * scale) for packet in _packets(container, track)]
        setup = track.codec_context.extradata or b""
        return Part(path, frames, times, base, shown, setup, encoder, note)


def _packets(
    container: av.container.InputContainer, track: av.VideoStream
) -> Iterator["av.Packet[av.VideoStream]"]:
    return (packet for packet in container.demux(track) if packet.size)


def check_parts(parts: Sequence[Part]) -> None:
    """Raise Unusable unless the parts follow each other without a gap and fit together."""
    for number, part in enumerate(parts):
        first, last = part.frames
        if len(part.packets) != last - first:
            raise sources.Unusable(
                f"part {number} has {len(part.packets)} frames instead of {last - first}"
            )
        if part.encoder != parts[0].encoder:
            raise sources.Unusable(
                f"part {number} was encoded by {part.made}, part 0 by {parts[0].made}: start a new "
                "run, on nodes that are alike or without a GPU"
            )
        if (part.setup, part.base) != (parts[0].setup, parts[0].base):
            raise sources.Unusable(f"part {number} was encoded in another way than part 0")
    if parts[0].frames[0] != 0:
        raise sources.Unusable("the first part is missing")
    for before, after in itertools.pairwise(parts):
        if (before.frames[1], before.times[1]) != (after.frames[0], after.times[0]):
            raise sources.Unusable(f"frames from {before.frames[1]} on are missing")


def join(parts: Sequence[Part], source: Path, joined: Path) -> comparing.Expected:
    """Write the joined video; return what has to be in it. Raises Unusable."""
    base = parts[0].base
    with sources.opened(source) as container:
        main, sound = sources.main_video(container), sources.sound_tracks(container)
        zero = sources.zero_of(container, parts[0].times[0] * base, sound)
        # Edit lists count as finely as the frames' own times.
        options = {"movie_timescale": str(base.denominator), "movflags": "+faststart"}
        with av.open(f"file:{joined.absolute()}", "w", format="mp4", options=options) as out:
            video = _video_track(out, parts[0], main)
            tracks = sounds.tracks_of(container, out, zero)
            out.set_chapters(_chapters(container, zero))
            notes = list(sources.left_out(container))
            said = [f"Left out: {'; '.join(notes)}"] if notes else []
            said += [f"Encoded by {parts[0].made}"] if parts[0].note else []
            if said:
                out.metadata["comment"] = ". ".join(said)
            shift = round(zero / base)
            pictures = _pictures(parts, video, shift)
            others = _others(container, tracks)
            for _, packet, heard in heapq.merge(pictures, others, key=lambda timed: timed[0]):
                _mux(out, packet, heard)
        shown = sorted(part.times[0] + time - shift for part in parts for time in part.packets)
    notes += _damages(tracks)
    kept = [track.heard for track in tracks.values() if track.heard.packets]
    return comparing.Expected(shown, parts[-1].times[1] - shift, base, kept, notes)


def _mux(
    out: av.container.OutputContainer, packet: "av.Packet[Any]", heard: sounds.Heard | None
) -> None:
    """Write a packet; leave out one of the sound that is damaged."""
    try:
        out.mux(packet)
    except (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.ArgumentError):
        if heard is None:
            raise
        heard.damaged += 1
    else:
        if heard is not None:
            heard.packets += 1


def _damages(tracks: Mapping[int, sounds.Copied | sounds.Encoded]) -> list[str]:
    """Name the tracks with damaged packets. Raises Unusable for one that is mostly damaged."""
    for number, track in tracks.items():
        if track.heard.damaged > track.heard.packets:
            raise sources.Unusable(f"track {number} is mostly damaged: repair or remove it first")
    return [
        f"{track.heard.damaged} damaged packets of track {number}"
        for number, track in tracks.items()
        if track.heard.damaged
    ]


def _video_track(
    out: av.container.OutputContainer, part: Part, main: av.VideoStream
) -> av.VideoStream:
    """Add the track of the parts, with the source's language and rotation."""
    with sources.opened(part.path) as container:
        made = out.add_stream_from_template(sources.main_video(container))
    made.time_base = part.base
    if "language" in main.metadata:
        made.metadata["language"] = main.metadata["language"]
    matrix = main.codec_context.coded_side_data.get("display_matrix")
    if matrix:
        made.set_display_matrix(list(memoryview(bytes(matrix)).cast("i")))
    return made


def _chapters(
    container: av.container.InputContainer, zero: Fraction
) -> "list[av.container.core.Chapter]":
    moved: list[av.container.core.Chapter] = []
    for chapter in container.chapters():
        shift = round(zero / sources.exact(chapter["time_base"]))
        start, end = chapter["start"] - shift, chapter["end"] - shift
        moved.append({**chapter, "start": max(start, 0), "end": max(end, 0)})
    return moved


def _pictures(
    parts: Sequence[Part],
    video: av.VideoStream,
    shift: int,
) -> "Iterator[Timed]":
    """Yield the packets of all parts with their times in the whole video."""
    base = parts[0].base
    times = [part.times[0] - shift + time for part in parts for time in sorted(part.packets)]
    bounds = dict(zip(times, [*times[1:], parts[-1].times[1] - shift], strict=True))
    delay = max(_delay(part.packets) for part in parts)
    last = parts[-1].times[0] - shift + parts[-1].packets[-1]
    lead = parts[-1].times[1] - shift - times[-1 - delay] - (bounds[last] - last)
    decoded = _decoding_times(times, delay, lead)
    for part in parts:
        with sources.opened(part.path) as container:
            packets = _packets(container, sources.main_video(container))
            for packet, time in zip(packets, part.packets, strict=True):
                packet.pts = part.times[0] - shift + time
                packet.dts = next(decoded)
                packet.duration = bounds[packet.pts] - packet.pts
                packet.time_base = base
                packet.stream = video
                yield packet.dts * base, packet, None


def _delay(packets: Sequence[int]) -> int:
    """Return by how many frames a packet at most lies after its turn to be shown."""
    rank = {time: number for number, time in enumerate(sorted(packets))}
    return max(place - rank[time] for place, time in enumerate(packets))


def _decoding_times(times: Sequence[int], delay: int, lead: int) -> Iterator[int]:
    """Yield rising times, none of which is after the time of the frame in its place.

    The first one is `lead` before the first frame. An MP4 stores only how long each packet lasts
    until the next one is decoded, so the lead makes their sum the length of the picture.
    """
    yield from (times[0] - lead + place * lead // delay for place in range(delay))
    yield from times


def _others(
    container: av.container.InputContainer,
    tracks: Mapping[int, sounds.Copied | sounds.Encoded],
) -> "Iterator[Timed]":
    """Yield the packets of all other tracks."""
    if not tracks:
        return
    for packet in container.demux([container.streams[number] for number in tracks]):
        if packet.size:
            track = tracks[packet.stream_index]
            for made in track.take(packet):
                yield _moment(made), made, track.heard
    for track in tracks.values():
        for made in track.end():
            yield _moment(made), made, track.heard


def _moment(packet: "av.Packet[Any]") -> Fraction:
    return Fraction((packet.dts or 0) * packet.time_base)


def plain_name(text: str) -> str:
    """Accept a file name without folders. Raises ArgumentTypeError."""
    if text in {"", ".", ".."} or "/" in text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not a plain file name")
    return text


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the joined video to the output folder."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--source", type=Path, required=True, help="the video with the sound")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    parser.add_argument("--name", type=plain_name, default="video.mp4")
    parser.add_argument("--frames", type=int, help="the number of frames that the video must have")
    asked = parser.parse_args(argv)
    joined = asked.output / ".joined.mp4"
    try:
        parts = [described(path) for path in read_parts(asked.parts)]
        check_parts(parts)
        expected = join(parts, asked.source, joined)
        comparing.compare(joined, expected, asked.frames)
    except sources.Unusable as error:
        joined.unlink(missing_ok=True)
        sys.stderr.write(f"The parts were not joined: {error}.\n")
        return 1
    sys.stdout.write(f"Encoded by {parts[0].made}.\n")
    sys.stdout.write("".join(f"Left out: {note}.\n" for note in expected.notes))
    joined.rename(asked.output / asked.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
