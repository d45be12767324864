"""Makes small videos of every kind that the media programs must treat rightly.

A film is made by ffmpeg's own command line, so that programs which use PyAV do not judge
themselves. Its name says its kind and its container.
"""

import re
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SIZE = "64x48"
type Film = Callable[[Path], object]

FILMS: dict[str, Film] = {}
FIRST: list[str] = []  # one film of each kind


def ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg; return what it said. Raises CalledProcessError."""
    command = [FFMPEG, "-nostdin", "-hide_banner", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stderr


def picture(seconds: float = 2, rate: str = "25", size: str = SIZE, more: str = "") -> list[str]:
    """Return the input that draws a moving picture, with filters behind it."""
    drawn = f"testsrc2=duration={seconds}:size={size}:rate={rate}"
    return ["-f", "lavfi", "-i", drawn + (f",{more}" if more else "")]


def sound(seconds: float = 2, pitch: int = 440) -> list[str]:
    """Return the input that makes a tone."""
    return ["-f", "lavfi", "-i", f"sine=frequency={pitch}:duration={seconds}:sample_rate=44100"]


def coded(codec: str = "libx264", *more: str) -> list[str]:
    """Return the options of a codec, with B-frames and several key frames where it has them."""
    if codec == "libx264":
        return ["-c:v", codec, "-preset", "ultrafast", "-bf", "2", "-g", "12", *more]
    return ["-c:v", codec, *more]


def film(*names: str) -> Callable[[Film], Film]:
    """Add a film under its names; the file gets the name's ending."""

    def add(make: Film) -> Film:
        FILMS.update(dict.fromkeys(names, make))
        FIRST.append(names[0])
        return make

    return add


YUV = ("-pix_fmt", "yuv420p")
X264 = coded("libx264", *YUV)
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


@film("languages.mkv", "languages.mp4", "languages.ts")
def _languages(path: Path) -> None:
    names = ["-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=fra"]
    both = ["-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:a", "aac", *names]
    ffmpeg(*picture(), *sound(), *sound(pitch=880), *X264, *both, path)


@film("chapters.mkv", "chapters.mp4")
def _chapters(path: Path) -> None:
    listing = path.with_suffix(".txt")
    marks = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={b}\ntitle={name}\n"
        for a, b, name in ((0, 900, "One"), (900, 2000, "Two ü"))
    )
    listing.write_text(";FFMETADATA1\n" + marks, encoding="utf-8")
    ffmpeg(*picture(), "-i", listing, "-map", "0:v", "-map_metadata", "1", *X264, path)


@film("cover.mp4", "cover.mkv")
def _cover(path: Path) -> None:
    image = path.with_name(f"{path.stem}-{path.suffix[1:]}.png")
    ffmpeg(*picture(1, size="320x240"), "-frames:v", "1", image)
    if path.suffix == ".mkv":
        more = ["-attach", image, "-metadata:s:t", "mimetype=image/png"]
        ffmpeg(*picture(), *sound(), *X264, "-c:a", "aac", *more, path)
        return
    maps = ["-map", "1:v", "-map", "0:v", "-map", "2:a", "-c:v:0", "png"]
    codec = ["-c:v:1", "libx264", *YUV, "-c:a", "aac", "-disposition:v:0", "attached_pic"]
    ffmpeg(*picture(), "-i", image, *sound(), *maps, *codec, path)


@film("two-pictures.mkv", "two-pictures.mp4", "two-pictures.ts")
def _two_pictures(path: Path) -> None:
    small = picture(size="32x32")
    ffmpeg(*small, *picture(), *sound(), "-map", "0", "-map", "1", "-map", "2", *X264,
           "-disposition:v", "0", "-c:a", "aac", path)  # fmt: skip


@film("subtitles.mkv", "subtitles.mp4")
def _subtitles(path: Path) -> None:
    words = path.with_name(f"{path.stem}-{path.suffix[1:]}.srt")
    words.write_text("1\n00:00:00,200 --> 00:00:01,000\nHello <i>you</i>\n\n", encoding="utf-8")
    codec = "srt" if path.suffix == ".mkv" else "mov_text"
    more = ["-c:s", codec, "-metadata:s:s:0", "language=deu"]
    ffmpeg(*picture(), "-i", words, *X264, *more, path)


@film("fields.mp4", "fields.ts", "fields.mkv", "fields.mpg")
def _fields(path: Path) -> None:
    woven = "interlace=scan=tff,setfield=tff"
    flags = ["-flags", "+ildct+ilme", "-top", "1"]
    codec = coded("mpeg2video", "-g", "12") if path.suffix in {".ts", ".mpg"} else X264
    field = ["-x264opts", "tff=1"] if path.suffix in {".mp4", ".mkv"} else []
    ffmpeg(*picture(rate="50", more=woven), *codec, *flags[:2], *field, path)


@film("light.mkv", "light.mp4")
def _light(path: Path) -> None:
    """Make HDR10: ten bits, PQ, and what the screen of the grader could show."""
    screen = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    hdr = f"log-level=none:hdr10=1:repeat-headers=1:{screen}:max-cll=1000,400"
    colours = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", hdr]
    ffmpeg(*picture(1, more=colours), *codec, "-pix_fmt", "yuv420p10le", path)


@film("colours.mp4", "colours.mkv")
def _colours(path: Path) -> None:
    given = "color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m:range=pc"
    ffmpeg(*picture(1, more=f"setparams={given}"), *X264, path)


@film("rgb.mkv", "rgb.mov", "rgb.avi")
def _rgb(path: Path) -> None:
    codec = {".mkv": "ffv1", ".mov": "png", ".avi": "rawvideo"}[path.suffix]
    kind = {".mkv": "gbrp", ".mov": "rgb24", ".avi": "bgr24"}[path.suffix]
    ffmpeg(*picture(1), "-c:v", codec, "-pix_fmt", kind, path)


@film("woven.mov", "woven.mxf")
def _woven(path: Path) -> None:
    """Make fields with more colour than 4:2:0, whose rows belong to two moments."""
    codec = ["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le", "-flags", "+ildct"]
    if path.suffix == ".mxf":
        codec = ["-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-flags", "+ildct+ilme", "-q:v", "2"]
    ffmpeg(*picture(1, "50", more="interlace=scan=tff,setfield=tff"), *codec, path)


@film("turned.mp4", "turned.mov", "turned.mkv")
def _turned(path: Path) -> None:
    whole = path.with_name(f"whole-{path.name}")
    ffmpeg(*picture(1), *X264, whole)
    ffmpeg("-display_rotation", "90", "-i", whole, "-c", "copy", path)
    whole.unlink()


@film("wide.mp4", "wide.mkv", "wide.ts")
def _wide(path: Path) -> None:
    ffmpeg(*picture(1, more="setsar=16/11"), *X264, path)


@film("odd.mp4", "odd.mkv")
def _odd(path: Path) -> None:
    kind = ["-pix_fmt", "yuv444p"] if path.suffix == ".mp4" else [*YUV]
    codec = ["-c:v", "libx264"] if path.suffix == ".mp4" else ["-c:v", "ffv1"]
    ffmpeg(*picture(1, more="scale=65:49"), *codec, *kind, path)


@film("telephone.mov", "telephone.avi")
def _telephone(path: Path) -> None:
    ffmpeg(*picture(), *sound(), *X264, "-ar", "8000", "-c:a", "pcm_mulaw", path)


@film("ntsc.avi", "ntsc.mp4", "ntsc.mkv")
def _ntsc(path: Path) -> None:
    codec = coded("mpeg4", "-bf", "2") if path.suffix == ".avi" else X264
    ffmpeg(*picture(rate="30000/1001"), *sound(), *codec, path)


@film("surround.mkv", "surround.mov")
def _surround(path: Path) -> None:
    audio = "flac" if path.suffix == ".mkv" else "pcm_s24le"
    ffmpeg(*picture(1), *sound(1), *X264, "-ac", "6", "-c:a", audio, path)


@film("still.mp4", "still.mkv")
def _still(path: Path) -> None:
    ffmpeg(*picture(1), "-frames:v", "1", *X264, path)


@film("loop.gif", "clear.mov")
def _clear(path: Path) -> None:
    """Make a picture that is partly transparent, or has few colours and whole hundredths."""
    if path.suffix == ".gif":
        ffmpeg(*picture(1, rate="20"), path)
    else:
        ffmpeg(*picture(1), "-c:v", "qtrle", "-pix_fmt", "argb", path)


@film("some-fields.ts", "some-fields.mkv")
def _some_fields(path: Path) -> None:
    """Make a film that begins with whole pictures and goes on with woven fields."""
    whole, woven = (path.with_name(f"{n}-{path.stem}{path.suffix}.ts") for n in "ab")
    ffmpeg(*picture(1), *X264, whole)
    fields = ["-flags", "+ildct", "-x264opts", "tff=1", "-output_ts_offset", "1.2"]
    ffmpeg(*picture(1, "50", more="interlace=scan=tff,setfield=tff"), *X264, *fields, woven)
    both = path.with_name(f"both-{path.stem}{path.suffix}.ts")
    both.write_bytes(whole.read_bytes() + woven.read_bytes())
    ffmpeg("-i", both, "-c", "copy", path)
    for part in (whole, woven, both):
        part.unlink()


def lines(text: str, pattern: str) -> Sequence[str]:
    """Return the lines of what ffmpeg said that match."""
    return [line.strip() for line in text.splitlines() if re.search(pattern, line)]
