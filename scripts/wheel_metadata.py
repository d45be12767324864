"""Gives a wheel its dependencies: the versions that a file of `requirements` pins."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PIN = re.compile(r"^([\w.\-]+(?:\[[\w,\-]+\])?==[^\s;\\]+(?: ; [^\\]+?)?)\s*\\?$", re.MULTILINE)


def pins(text: str) -> list[str]:
    """Return the requirements of a compiled file without their hashes, which metadata lacks."""
    return _PIN.findall(text)


class PinnedDependencies(MetadataHookInterface):
    """Reads dependencies from the compiled requirements, so that no list is kept twice."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dependencies."""
        text = Path(self.root, self.config["requirements"]).read_text("utf-8")
        metadata["dependencies"] = pins(text)
