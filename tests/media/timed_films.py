"""Films that differ in their containers, codecs and times."""

import struct
from pathlib import Path

from tests.media.making import X264, YUV, coded, ffmpeg, film, picture, sound

OWN_TIMES = ("-fps_mode", "passthrough", "-enc_time_base", "1:1000")
JITTER = "settb=1/1000,setpts='40*N+floor(13*mod(N*7,3))'"
PAUSE = "settb=1/1000,setpts='40*N+1700*gte(N,20)'"


@film("plain.mp4", "plain.mkv", "plain.ts", "plain.mov", "plain.flv", "plain.m4v")
def _plain(path: Path) -> None:
    ffmpeg(*picture(), *sound(), *X264, "-c:a", "aac", path)


@film("old.avi", "old.mpg", "old.mxf", "old.mkv")
def _old(path: Path) -> None:
    codec = "mpeg4" if path.suffix == ".avi" else "mpeg2video"
    sounds = {".avi": "mp3", ".mpg": "mp2", ".mxf": "pcm_s16le", ".mkv": "ac3"}[path.suffix]
    rate = ["-ar", "48000"]
    ffmpeg(
        *picture(), *sound(), *coded(codec, "-bf", "2", "-g", "12", "-q:v", "3"),
        *rate, "-c:a", sounds, path,
    )  # fmt: skip


@film("web.webm", "web8.webm", "web.mkv")
def _web(path: Path) -> None:
    codec = "libvpx" if path.stem == "web8" else "libvpx-vp9"
    fast = ["-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-auto-alt-ref", "1"]
    lag = ["-lag-in-frames", "16"] if codec == "libvpx" else []
    audio = "libopus" if path.suffix == ".mkv" else "libvorbis"
    ffmpeg(*picture(), *sound(), "-c:v", codec, *fast, *lag, *YUV, "-c:a", audio, path)


@film("new.mkv", "new.mp4", "new.ts")
def _new(path: Path) -> None:
    quiet = "log-level=none:keyint=10:bframes=3:open-gop=1"
    codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", quiet, *YUV]
    ffmpeg(*picture(), *sound(), *codec, "-c:a", "aac", path)


@film("future.mkv", "future.mp4", "future.webm")
def _future(path: Path) -> None:
    quick = ["-preset", "12", "-g", "20", "-svtav1-params", "lp=1"]
    ffmpeg(*picture(), *sound(), "-c:v", "libsvtav1", *quick, *YUV, "-c:a", "libopus", path)


@film("windows.wmv", "windows.asf")
def _windows(path: Path) -> None:
    ffmpeg(*picture(), *sound(), "-c:v", "wmv2", "-g", "12", "-c:a", "wmav2", path)


@film("open.ts", "open.mkv")
def _open(path: Path) -> None:
    """Make groups of pictures whose first frames need the group before."""
    opened = ["-x264opts", "open-gop=1:keyint=12:bframes=3:b-adapt=0", *YUV]
    ffmpeg(*picture(3), *sound(3), "-c:v", "libx264", *opened, "-c:a", "aac", path)


@film("phone.3gp", "phone.mp4")
def _phone(path: Path) -> None:
    """Make what a telephone records: its own rate of sound, and turned pixels."""
    audio = ["-ar", "8000", "-ac", "1", "-c:a", "aac", "-b:a", "24k"]
    ffmpeg(*picture(rate="15"), *sound(), "-c:v", "mpeg4", "-g", "15", *audio, path)


@film("intra.mov", "intra.avi", "intra.mxf")
def _intra(path: Path) -> None:
    codec = {".mov": "prores_ks", ".avi": "mjpeg", ".mxf": "mpeg2video"}[path.suffix]
    more = ["-pix_fmt", "yuv422p10le"] if path.suffix == ".mov" else ["-g", "1"]
    if path.suffix == ".avi":
        more = ["-pix_fmt", "yuvj420p"]
    ffmpeg(*picture(1), *sound(1), "-c:v", codec, *more, "-ar", "48000", "-c:a", "pcm_s16le", path)


@film("jitter.mp4", "jitter.mkv", "jitter.ts")
def _jitter(path: Path) -> None:
    ffmpeg(*picture(more=JITTER), *sound(), *OWN_TIMES, *X264, "-c:a", "aac", path)


@film("pause.mp4", "pause.mkv", "pause.mov")
def _pause(path: Path) -> None:
    ffmpeg(*picture(more=PAUSE), *sound(4), *OWN_TIMES, *X264, "-c:a", "aac", path)


@film("trimmed.mp4", "trimmed.mov")
def _trimmed(path: Path) -> None:
    whole = path.with_name(f"whole-{path.name}")
    ffmpeg(*picture(3), *sound(3), *coded("libx264", "-g", "40", *YUV), "-c:a", "aac", whole)
    ffmpeg("-ss", "0.9", "-i", whole, "-c", "copy", path)
    whole.unlink()


@film("lead-in.ts", "lead-in.mpg")
def _lead_in(path: Path) -> None:
    """Cut a stream in the midst of a group of pictures, as a receiver does."""
    whole = path.with_name(f"whole-{path.name}")
    codec = X264 if path.suffix == ".ts" else coded("mpeg2video", "-g", "12", "-bf", "2")
    audio = "aac" if path.suffix == ".ts" else "mp2"
    ffmpeg(*picture(3), *sound(3), *codec, "-c:a", audio, whole)
    content = whole.read_bytes()
    packet = 188 if path.suffix == ".ts" else 2048
    begin = len(content) // 3 // packet * packet
    tables = content[: 3 * 188] if path.suffix == ".ts" else b""
    path.write_bytes(tables + content[begin:])
    whole.unlink()


@film("piped.mkv", "piped.webm", "piped.avi", "piped.flv")
def _piped(path: Path) -> None:
    """Make what a program writes that cannot go back: lengths are unknown in its header."""
    codec = ["-c:v", "libvpx", "-deadline", "realtime"] if path.suffix == ".webm" else X264
    if path.suffix == ".avi":
        codec = coded("mpeg4")
    audio = {".webm": "libopus", ".avi": "mp3"}.get(path.suffix, "aac")
    ffmpeg(*picture(), *sound(), *codec, "-c:a", audio, "-seekable", "0", path)


@film("headless.mkv", "headless.mp4")
def _headless(path: Path) -> None:
    """Keep packets from the midst of a group of pictures on, whose key frame is gone."""
    whole = path.with_name(f"whole-{path.name}.mkv")
    ffmpeg(*picture(3), *X264, whole)
    ffmpeg("-i", whole, "-ss", "0.7", "-copyinkf", "-c", "copy", path)
    whole.unlink()


@film("without-middle.mp4", "without-middle.mov")
def _without_middle(path: Path) -> None:
    """Leave the middle out by an edit list of two entries, as lossless editors do."""
    ffmpeg(*picture(3), *coded("libx264", *YUV), "-bf", "0", "-movie_timescale", "12800", path)
    content = path.read_bytes()
    begin = content.index(b"elst") - 4
    (size,) = struct.unpack_from(">I", content, begin)
    edits = [(12800, 0), (10240, 20480)]  # for how long, and from where
    entries = b"".join(struct.pack(">IiHH", lasts, start, 1, 0) for lasts, start in edits)
    listed = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    grown = len(listed) - size
    moov = content.index(b"moov") - 4
    assert moov > content.index(b"mdat")  # no place of a sample moves
    made = bytearray(content[:begin] + listed + content[begin + size :])
    for box in (moov, content.index(b"trak", moov) - 4, content.index(b"edts", moov) - 4):
        struct.pack_into(">I", made, box, struct.unpack_from(">I", content, box)[0] + grown)
    path.write_bytes(bytes(made))


@film("fragments.mp4", "hybrid.mp4", "fragments.mov")
def _fragments(path: Path) -> None:
    flags = "frag_keyframe" + "+empty_moov" * (path.stem == "fragments")
    ffmpeg(*picture(), *sound(), *X264, "-c:a", "aac", "-movflags", flags, path)


@film("late.mp4", "late.mkv", "late.ts", "late.mov")
def _late(path: Path) -> None:
    ffmpeg("-itsoffset", "0.48", *picture(), *sound(), *X264, "-c:a", "aac", path)


@film("early.mp4", "early.mkv")
def _early(path: Path) -> None:
    ffmpeg(*picture(), "-itsoffset", "0.6", *sound(), *X264, "-c:a", "aac", path)


@film("ntsc.avi", "ntsc.mp4", "ntsc.mkv")
def _ntsc(path: Path) -> None:
    codec = coded("mpeg4", "-bf", "2") if path.suffix == ".avi" else X264
    ffmpeg(*picture(rate="30000/1001"), *sound(), *codec, path)


@film("still.mp4", "still.mkv")
def _still(path: Path) -> None:
    ffmpeg(*picture(1), "-frames:v", "1", *X264, path)
