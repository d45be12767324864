"""Registries in memory: each name of an image stands for one that was built for amd64."""

import hashlib
from dataclasses import dataclass, field

from pipeline.errors import ImageRefused, Transient
from pipeline.ports.images import ImageFacts


@dataclass
class FakeImages:
    """Resolves every name but those in `refused` and `down`; `known` has other facts."""

    refused: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    known: dict[str, ImageFacts] = field(default_factory=dict)

    def resolve(self, image: str) -> ImageFacts:
        if image in self.refused:
            raise ImageRefused(self.refused[image])
        if image in self.down:
            raise Transient(f"the registry of {image} is down")
        if image in self.known:
            return self.known[image]
        digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        return ImageFacts(f"{image.rsplit(':', 1)[0]}@{digest}", digest, frozenset({"amd64"}))
