"""Which generations of a run have an output, by the names in container `output`."""

import re

from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef, Generation

_OUTPUT = re.compile(r"[^/]+/(?P<run>[^/]+)/g(?P<number>[1-9][0-9]{0,3})/.+")


def folder(run: str) -> BlobRef:
    """Return the folder of the outputs of all generations of a run."""
    return naming.belongings(run, output=True)[-1]


def generation_of(name: str) -> Generation | None:
    """Return the generation whose output a blob is; None for another blob, such as an alias."""
    match = _OUTPUT.fullmatch(name)
    if match is None or naming.pipeline_of(match["run"]) is None:
        return None
    found = Generation(match["run"], int(match["number"]))
    return found if name.startswith(f"{found.output_folder}/") else None


def manifest_of(name: str) -> Generation | None:
    """Return the generation whose manifest a blob is; None for another blob."""
    found = generation_of(name)
    return found if found and found.manifest.name == name else None
