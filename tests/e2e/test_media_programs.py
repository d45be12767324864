"""The media programs and the node's preparation, on real tools."""

import base64
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information
import pytest

from scripts.media_check import frames_and_ssim

SCRIPTS = Path(__file__).parents[2] / "task_scripts"
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
AWKWARD_NAME = "$(touch x);'\"..%2f ü 名.mp4"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of video at 25 frames a second, with sound."""
    path = tmp_path_factory.mktemp("source") / "0.mp4"
    video = ["-f", "lavfi", "-i", "testsrc=duration=2:size=320x180:rate=25"]
    sound = ["-f", "lavfi", "-i", "sine=duration=2"]
    command = [FFMPEG, "-v", "error", *video, *sound, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)
    return path


def program(folder: Path, name: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def encode(source: Path, folder: Path, start: int, end: int) -> "subprocess.CompletedProcess[str]":
    folder.mkdir(parents=True)
    frames = ["--start", str(start), "--end", str(end)]
    quality = ["--crf", "18", "--preset", "veryfast"]
    return program(
        folder, "media_encode.py", "--input", source, *frames, *quality, "--output", folder
    )


def parts_of(source: Path, folder: Path, bounds: list[int]) -> Path:
    listing = []
    for item, (start, end) in enumerate(itertools.pairwise(bounds)):
        done = encode(source, folder / str(item), start, end)
        assert done.returncode == 0, done.stderr
        listing.append({"item": item, "name": "part.mp4", "file": f"{item}/part.mp4"})
    path = folder / "parts.json"
    path.write_text(json.dumps(listing))
    return path


def join(parts: Path, source: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    output = parts.parent / "out"
    output.mkdir()
    files = ("--parts", parts, "--source", source, "--output", output)
    return program(parts.parent, "media_concat.py", *files, *more)


def times_of(video: Path) -> list[str]:
    command = [FFMPEG, "-v", "error", "-i", str(video), "-map", "0:v:0", "-f", "framecrc", "-"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split(",")[2].strip() for line in lines if not line.startswith("#")]


def test_parts_join_into_the_whole_video_with_its_sound(source: Path, tmp_path: Path) -> None:
    parts = parts_of(source, tmp_path, [0, 1, 18, 33, 50])
    done = join(parts, source, "--name", AWKWARD_NAME, "--frames", "50")
    assert done.returncode == 0, done.stderr
    (joined,) = (tmp_path / "out").iterdir()
    assert joined.name == AWKWARD_NAME
    frames, ssim = frames_and_ssim(FFMPEG, source, joined)
    assert (frames, ssim > 0.98) == (50, True)
    assert times_of(joined) == times_of(source)
    sound = [FFMPEG, "-v", "error", "-i", str(joined), "-map", "0:a", "-f", "null", "-"]
    assert subprocess.run(sound, check=False).returncode == 0


def test_a_range_beyond_the_end_is_refused_with_both_counts(source: Path, tmp_path: Path) -> None:
    done = encode(source, tmp_path / "a", 40, 60)
    assert done.returncode == 1
    assert done.stderr.endswith("Frames 40 to 60: 20 frames were expected, but there are 10.\n")


@pytest.mark.parametrize("content", [b"", b"no video at all" * 99, b"#EXTM3U\n#EXTINF:1,\n0.mp4\n"])
def test_a_file_that_is_not_a_video_is_refused_with_a_reason(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "0.m3u8").write_bytes(content)
    done = encode(tmp_path / "0.m3u8", tmp_path / "a", 0, 5)
    assert done.returncode == 1
    assert "ffmpeg cannot read this input as a video" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_part_that_is_missing_is_never_skipped(source: Path, tmp_path: Path) -> None:
    parts = parts_of(source, tmp_path, [0, 5, 10])
    shutil.rmtree(tmp_path / "1")
    done = join(parts, source)
    assert done.returncode == 1
    assert done.stderr == "The parts were not joined: 1 of 2 parts are missing.\n"
    assert not list((tmp_path / "out").iterdir())


def test_a_count_that_differs_from_the_wanted_one_leaves_no_output(
    source: Path, tmp_path: Path
) -> None:
    done = join(parts_of(source, tmp_path, [0, 5]), source, "--frames", "6")
    assert done.returncode == 1
    assert "6 frames were expected, but there are 5" in done.stderr
    assert not list((tmp_path / "out").iterdir())


def wheel(path: Path) -> Path:
    """Write the smallest package that pip installs."""
    folder = "tiny_example-1.0.dist-info"
    files = {
        "tiny_example.py": "ANSWER = 42\n",
        f"{folder}/METADATA": "Metadata-Version: 2.1\nName: tiny-example\nVersion: 1.0\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }

    def digest(text: str) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")

    record = [f"{name},sha256={digest(text)},{len(text)}" for name, text in files.items()]
    files[f"{folder}/RECORD"] = "\n".join([*record, f"{folder}/RECORD,,", ""])
    target = path / "tiny_example-1.0-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return target


def prepare(scripts: Path) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "AZ_BATCH_NODE_SHARED_DIR": str(scripts.parent / "shared")}
    command = [sys.executable, str(scripts / "environment.py"), "tiny.txt"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_a_closed_node_installs_from_the_archive_and_only_what_is_pinned(tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(SCRIPTS / "runtime/environment.py", scripts)
    package = wheel(tmp_path)
    with zipfile.ZipFile(scripts / "environment.zip", "w") as archive:
        archive.write(package, package.name)
    requirements = scripts / "tiny.txt"
    requirements.write_text(f"tiny-example==1.0 --hash=sha256:{'0' * 64}\n")
    refused = prepare(scripts)
    assert refused.returncode == 1
    assert f"tiny.txt does not pin {package.name}" in refused.stderr
    real = hashlib.sha256(package.read_bytes()).hexdigest()
    requirements.write_text(f"tiny-example==1.0 \\\n    --hash=sha256:{real}\n")
    assert prepare(scripts).returncode == 0
    python = json.loads((scripts / "environment.json").read_text())["python"]
    asked = [python, "-I", "-c", "import tiny_example; print(tiny_example.ANSWER)"]
    assert subprocess.run(asked, capture_output=True, check=True).stdout == b"42\n"
