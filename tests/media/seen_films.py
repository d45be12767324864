"""Films that differ in what is seen and heard: tracks, fields, colours, shape, sound."""

from pathlib import Path

from tests.media.making import X264, YUV, coded, ffmpeg, film, picture, sound


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


@film("surround.mkv", "surround.mov")
def _surround(path: Path) -> None:
    audio = "flac" if path.suffix == ".mkv" else "pcm_s24le"
    ffmpeg(*picture(1), *sound(1), *X264, "-ac", "6", "-c:a", audio, path)


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
