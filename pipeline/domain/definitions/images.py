"""Container images as definitions name them: always with their registry, and with a tag or digest.

Batch takes short names, but where it looks for them depends on the node, and a name without a tag
means `latest`, which a node that has it never pulls again.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.domain.definitions.types import matching

_HOST = r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_NAME = rf"(?P<registry>{_HOST})/(?P<path>{_PART}(?:/{_PART})*)"
_END = rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
_IMAGE = re.compile(_NAME + _END, re.ASCII)
_SHOWN = "docker.io/library/python:3.13-slim"
_HUB = "docker.io"

_INTERPRETER = r"[A-Za-z0-9_./-]{1,200}"
_MEMORY = r"[1-9][0-9]{0,4}[mg]"


def _image(text: str) -> str:
    match = _IMAGE.fullmatch(text)
    if match is None or len(text) > 500:  # noqa: PLR2004 - far beyond what registries take
        raise ValueError(
            f"{text[:60]!r} is not an image with its registry in lower case, such as {_SHOWN}"
        )
    if not match["tag"] and not match["digest"]:
        raise ValueError(f"{text[:60]!r} has no tag: write {text}:TAG")
    return text


ImageName = Annotated[
    str, AfterValidator(_image), Field(json_schema_extra={"examples": [_SHOWN], "maxLength": 500})
]
Interpreter = Annotated[
    str,
    AfterValidator(matching(_INTERPRETER, "the path of an interpreter in the image")),
    Field(json_schema_extra={"maxLength": 200}),
]
Memory = Annotated[
    str,
    AfterValidator(matching(_MEMORY, "a size in whole MiB or GiB such as 512m or 8g")),
    Field(json_schema_extra={"examples": ["512m", "8g"]}),
]


@dataclass(frozen=True)
class ImageParts:
    """The parts of an image's name; `tag` or `digest` may be "", but not both."""

    registry: str
    path: str
    tag: str
    digest: str

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.path}{tag}" + (f"@{self.digest}" if self.digest else "")


def parts_of(image: str) -> ImageParts:
    """Take an image's name apart. Raises ValueError for what no definition may name."""
    match = _IMAGE.fullmatch(_image(image))
    assert match is not None  # noqa: S101 - it was checked
    return ImageParts(match["registry"], match["path"], match["tag"] or "", match["digest"] or "")


def bytes_of(memory: str) -> int:
    """Return the bytes of a size such as 512m or 8g."""
    return int(memory[:-1]) << (30 if memory.endswith("g") else 20)


def full_name(image: str) -> str:
    """Return an image's name with the registry that container engines assume if it has none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{_HUB}/{image}" if slash else f"{_HUB}/library/{image}"
