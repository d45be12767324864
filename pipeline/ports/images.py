"""Container images: what a name stands for now."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ImageFacts:
    """What a name of an image stands for.

    `reference` is what a task names, so that every node runs the same image; `digest` is that of
    the registry, or the id of an image that only the local container engine has. `architectures`
    are those that it was built for, such as amd64; `path` is its own PATH, or "". It is `present`
    if no node has to pull it.
    """

    reference: str
    digest: str
    architectures: frozenset[str]
    path: str = ""
    present: bool = False


class Images(Protocol):
    """Registries, and on a local stack the container engine of this machine."""

    def resolve(self, image: str) -> ImageFacts:
        """Return what an image's name stands for now.

        Raises ImageRefused, with the registry's own words, and Transient if it does not answer.
        """
