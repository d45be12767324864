"""Registries in memory: each name of an image stands for one that was built for amd64."""

import hashlib
from dataclasses import dataclass, field

from pipeline.errors import ImageRefused
from pipeline.ports.images import ImageFacts


@dataclass
class FakeImages:
    """Resolves every name but those in `refused`; a test may set others facts in `known`."""

    refused: dict[str, str] = field(default_factory=dict)
    known: dict[str, ImageFacts] = field(default_factory=dict)

    def resolve(self, image: str) -> ImageFacts:
        if image in self.refused:
            raise ImageRefused(self.refused[image])
        if image in self.known:
            return self.known[image]
        digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        return ImageFacts(f"{image.rsplit(':', 1)[0]}@{digest}", digest, frozenset({"amd64"}))
