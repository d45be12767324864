"""Shipped pipelines in containers come to what the same pipelines come to without."""

import shutil
from pathlib import Path

import imageio_ffmpeg
import pytest

from pipeline.cli.samples import scene, video
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.handlers.starting.start import start_for_request
from scripts.images import workloads as workload_images
from scripts.media_check import frames_and_ssim
from tests import images
from tests.depth import EVERYTHING
from tests.e2e.local import Stack
from tests.needs import missing, rendering
from tests.workloads.pixels import differing, png

LONG = pytest.mark.skipif(not EVERYTHING, reason="`make test-all` builds images of Debian")
# Two releases of POV-Ray: so many pixels may differ, and so much in a colour.
PIXELS, COLOUR = 0.001, 8


@pytest.fixture(scope="module")
def built() -> None:
    engine = images.engine()
    for image in workload_images.IMAGES.values():
        if images.there(engine, image.name):
            continue
        if shutil.which("mmdebstrap") is None:
            missing("mmdebstrap", "mmdebstrap")
        workload_images.build(image, engine)


def requested(stack: Stack, name: str, blob: str, content: bytes, **given: int) -> Run:
    """Run a pipeline that listens to requests alone, on a blob where no trigger looks."""
    ref = naming.upload(stack.engine.token(), blob)
    stack.engine.ports.writer.write(ref, content)
    facts = stack.engine.ports.blobs.head(ref)
    pipeline = stack.engine.catalogue.pipelines[name]
    started = start_for_request(stack.engine, pipeline, blob, facts, given)
    return stack.succeeded(started.run.id, 240)[0]


@LONG
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("built")
def test_a_scene_looks_the_same_in_containers(stack: Stack, tmp_path: Path):
    rendering()
    size = {"width": 96, "height": 54, "rows_per_tile": 27}
    boxed = requested(stack, "render-container", "columns.pov", scene.columns(), **size)
    given = {key: str(value) for key, value in size.items()}
    plain, _ = stack.succeeded(
        stack.upload("scenes/columns.pov", scene.columns(), "render", **given)
    )
    pictures = []
    for number, run in enumerate((boxed, plain)):
        path = tmp_path / f"{number}.png"
        path.write_bytes(stack.output(run)["picture.png"])
        pictures.append(png(path))
    apart = differing(*pictures)
    assert len(apart) <= PIXELS * 96 * 54
    assert max(apart, default=0) <= COLOUR


@LONG
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("built")
def test_a_video_is_encoded_the_same_in_containers(stack: Stack, tmp_path: Path):
    source = video.path()
    boxed = requested(stack, "media-encode-container", "bunny.mp4", source.read_bytes())
    plain, _ = stack.succeeded(
        stack.upload("films/bunny.mp4", source.read_bytes(), "media-encode"), 240
    )
    same = stack.output(plain)["video.mp4"]
    assert stack.output(boxed)["video.mp4"] == same
    joined = tmp_path / "video.mp4"
    joined.write_bytes(same)
    assert frames_and_ssim(imageio_ffmpeg.get_ffmpeg_exe(), source, joined)[0] == 132
