"""Finds the frames of a video and cuts them into items; refuses what could not be encoded.

Writes `items.json`. An item has the numbers of its frames (`start`, `end`, `index`), and the times
from which to which they are shown (`start_time`, `end_time`), counted in the track's time base.
`seek_time` is where decoding may begin. If only the beginning is right, it is "time", or "order"
for a video whose frames have the times of their decoding.
"""

import argparse
import bisect
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.logging

if TYPE_CHECKING or __package__:
    from task_scripts import media_sound as sounds
    from task_scripts import media_source as sources
    from task_scripts import media_times as timing
else:  # on a node the files are in one folder
    import media_sound as sounds
    import media_source as sources
    import media_times as timing

_MISSING_S = 0.5  # how much shorter than its header says a file may be
_TORN = "ended prematurely"  # what libav says of an element that is not whole
_REMEDY = "Upload it again, or repair it first"
_INDEXED = ("mov", "avi")
_MEASURED = ("matroska", "flv", "asf", "mxf")


def items_of(found: timing.Timeline, step: int) -> Iterator[dict[str, object]]:
    """Cut the frames into items of `step` frames each."""
    bounds = [*found.times, found.end]
    for index, start in enumerate(range(0, len(found.times), step)):
        end = min(start + step, len(found.times))
        parameters = {
            "start": start,
            "end": end,
            "index": index,
            "start_time": bounds[start],
            "end_time": bounds[end],
            "seek_time": _seek(found, bounds[start]),
        }
        yield {"parameters": parameters}


def _seek(found: timing.Timeline, time: int) -> int | str:
    """Return where a reader has to seek so that all frames from a time on are decoded.

    What is shown from a key frame on needs nothing before it, also in an open group of pictures.
    """
    before = bisect.bisect_right(found.keys, time, key=lambda key: key[0]) - 1
    return found.keys[before][1] if before > 0 else found.way


def check(path: Path) -> list[str]:
    """Refuse a file that cannot become a whole output; return what will be left out.

    Raises Unusable.
    """
    with sources.opened(path) as container:
        track = sources.main_video(container)
        _check_whole(container, path.stat().st_size)
        _check_colours(track)
        notes = list(sources.left_out(container))
        for sound in sounds.unreadable(container):
            raise sources.Unusable(
                f"{sound} can be neither copied nor read: "
                "transcode it first, for example to AAC, or remove it"
            )
        return notes


def _check_whole(container: av.container.InputContainer, size: int) -> None:
    """Compare the file's index with its size. Raises Unusable."""
    if not container.format.name.startswith(_INDEXED):
        return
    for track in container.streams:
        entries = track.index_entries
        if len(entries) and max(entry.pos + entry.size for entry in entries) > size:
            raise sources.Unusable(
                f"the file is cut off: its index reaches beyond its {size:,} bytes. {_REMEDY}"
            )


def check_length(path: Path) -> None:
    """Read the whole file and compare its end with what its header says. Raises Unusable."""
    with _hearing() as said, sources.opened(path) as container:
        main = sources.main_video(container)
        ends, frames, torn = Fraction(0), 0, False
        for packet in container.demux():
            if packet.size:
                torn |= packet.is_corrupt
                frames += packet.stream_index == main.index
                if packet.pts is not None:
                    shown = packet.pts + (packet.duration or 0)
                    ends = max(ends, shown * sources.exact(packet.time_base))
        if sources.has_running_clock(container):
            return  # a recording begins and ends anywhere
        torn |= any(_TORN in words for _, _, words in said)
        counted = main.frames if container.format.name.startswith("avi") else 0
        if counted > path.stat().st_size:  # a program that could not go back wrote no number
            counted = 0
        if torn or frames < counted:
            raise sources.Unusable(
                f"the file is cut off or damaged after {float(ends):.1f} s. {_REMEDY}"
            )
        header = container.format.name.startswith(_MEASURED) and container.duration
        says = Fraction(header or 0, 1_000_000)
        if ends + Fraction(_MISSING_S) < says:
            raise sources.Unusable(
                f"the file is cut off: its header says {float(says):.1f} s, "
                f"but it ends after {float(ends):.1f} s. {_REMEDY}"
            )


@contextlib.contextmanager
def _hearing() -> Iterator[list[tuple[int, str, str]]]:
    """Hear what libav says while nothing is decoded: its threads would wait for Python's lock."""
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture(local=False) as said:
            yield said
    finally:
        av.logging.set_level(None)


def _check_colours(track: av.VideoStream) -> None:
    """Refuse Dolby Vision whose base layer has colours that only Dolby's players know."""
    record = track.codec_context.coded_side_data.get("dovi_conf")
    if record and len(record) > 7 and record[7] == 0:  # noqa: PLR2004 - bl_signal_compatibility_id
        raise sources.Unusable(
            "the video is Dolby Vision without a compatible base layer: convert it to HDR10 first"
        )


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--step", type=int, required=True, help="frames of an item")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    arguments = parser.parse_args(argv)
    if arguments.step < 1:
        parser.error("--step must be at least 1")
    return arguments


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write items.json for the main video of the input."""
    del environ
    asked = _arguments(argv)
    try:
        notes = check(asked.input)
        check_length(asked.input)
        found = timing.timeline(asked.input)
    except sources.Unusable as error:
        sys.stderr.write(f"The video was refused: {error}.\n")
        return 1
    how = "read from its packets" if found.keys else "decoded"
    sys.stdout.write(f"{len(found.times)} frames, {how}\n")
    sys.stdout.write("".join(f"Left out: {note}.\n" for note in notes))
    items = list(items_of(found, asked.step))
    (asked.output / "items.json").write_text(json.dumps(items), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
