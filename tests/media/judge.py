"""Says what a video shows and lets hear, by ffmpeg's own command line."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.media.making import ffmpeg, lines


@dataclass(frozen=True)
class Seen:
    """When frames begin, how long the file is, from when to when each sound is, and the tracks.

    Times are in seconds, by the file's own clock. The frames are those of the track that ffmpeg
    chooses by itself.
    """

    frames: tuple[Fraction, ...]
    length: Fraction
    sounds: tuple[tuple[Fraction, Fraction], ...]
    tracks: tuple[str, ...]

    def tracks_of(self, kind: str) -> list[str]:
        """Return ffmpeg's descriptions of the tracks of a kind: Video, Audio, Subtitle."""
        return [track for track in self.tracks if f": {kind}: " in track]


def look(video: Path, folder: Path) -> Seen:
    """Decode a video wholly and look at it."""
    pictures, sounds = folder / "pictures.txt", folder / "sounds.txt"
    own_times = ["-fps_mode", "passthrough", "-enc_time_base", "demux"]
    said = ffmpeg(
        *("-copyts", "-i", video),
        *("-an", "-sn", "-dn", *own_times, "-f", "framecrc", pictures),
        *("-map", "0:a?", "-map", "0:v:0", "-f", "framecrc", sounds),
    )
    frames = _times(pictures)[0]
    heard = [spans for track, spans in _times(sounds).items() if track < _kinds(sounds)]
    return Seen(
        tuple(begin for begin, _ in frames),
        _length(said),
        tuple((spans[0][0], max(end for _, end in spans)) for spans in heard),
        tuple(lines(said.partition("Output #0")[0], r"Stream #0:\d+.*: \w+: ")),
    )


def _length(said: str) -> Fraction:
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said)
    if found is None:
        return Fraction(0)  # the header does not know
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


def _kinds(listing: Path) -> int:
    return len(re.findall(r"^#media_type \d+: audio", listing.read_text(), re.MULTILINE))


def _times(listing: Path) -> dict[int, list[tuple[Fraction, Fraction]]]:
    """Read ffmpeg's list of frames: for each track, from when to when each frame lasts."""
    ticks: dict[str, Fraction] = {}
    found: dict[int, list[tuple[Fraction, Fraction]]] = {}
    for line in listing.read_text().splitlines():
        if match := re.match(r"#tb (\d+): (\S+)", line):
            ticks[match[1]] = Fraction(match[2])
        elif not line.startswith("#"):
            track, _, begin, lasts, *_ = (part.strip() for part in line.split(","))
            start = int(begin) * ticks[track]
            found.setdefault(int(track), []).append((start, start + int(lasts) * ticks[track]))
    return found


def likeness(source: Path, output: Path, prepared: str = "null") -> float:
    """Return the mean SSIM of the frames in their order, after a filter on both."""
    both = ("-i", source, "-i", output)
    number = "settb=1/1000,setpts=N"
    alike = f"{prepared},format=yuv420p,{number}"
    graph = f"[0:v]{alike}[a];[1:v]{alike}[b];[a][b]ssim"
    said = ffmpeg(*both, "-lavfi", graph, *_NOWHERE)
    return float(re.findall(r"SSIM .*All:([0-9.]+)", said)[-1])


_NOWHERE = ("-f", "null", "-")
