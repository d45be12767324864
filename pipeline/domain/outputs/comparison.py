"""Compares two runs: what they were given, what they ran, and what they made.

A difference counts if it is one of the work or of its result. Times, costs and names that Storage
gives anew to the same content are only told.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pipeline.domain.runs.manifest import SHA_256, OutputFile
from pipeline.domain.runs.run import Run

_ENVIRONMENTS = (".txt", ".zip")  # by which a name in `scripts` is that of an environment

type Facts = Mapping[str, str]


class About(StrEnum):
    """What a difference is about, in the order in which people ask."""

    PIPELINE = "pipeline"
    INPUT = "input"
    PARAMETER = "parameter"
    DEFINITION = "definition"
    PROGRAM = "program"
    ENVIRONMENT = "environment"
    IMAGE = "image"
    STATE = "state"
    COUNT = "count"
    OUTPUT = "output"
    SECONDS = "seconds"


TOLD_ONLY = frozenset({About.SECONDS})


@dataclass(frozen=True)
class Side:
    """A run that is over, its output files, and the SHA-256 of its input if somebody read it."""

    run: Run
    files: Mapping[str, OutputFile] = field(default_factory=dict)
    input_sha256: str = ""


@dataclass(frozen=True)
class Difference:
    """One fact that differs: its value on each side, None where it is not there."""

    about: About
    name: str
    before: str | None
    after: str | None
    counts: bool = True

    @property
    def change(self) -> str:
        """Whether it was added, removed or changed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def compare(before: Side, after: Side) -> list[Difference]:
    """Return what differs between two runs, in the order of `About`."""
    first, second = _facts(before), _facts(after)
    found = [one for about in About for one in _changes(about, first[about], second[about])]
    told = _names_only_storage_changed(before, after)
    return [
        replace(one, counts=False) if one.about in TOLD_ONLY or (one.about, one.name) in told
        else one
        for one in found
    ]  # fmt: skip


def equal(differences: list[Difference]) -> bool:
    """Return whether two runs did the same work with the same result."""
    return not any(one.counts for one in differences)


def must_read(before: Run, after: Run) -> bool:
    """Return whether only the bytes of two inputs can tell if they are the same."""
    one, other = before.input, after.input
    if one is None or other is None or one.etag == other.etag or one.size != other.size:
        return False
    return not (one.md5 and other.md5) and one.pinned and other.pinned


def _facts(side: Side) -> dict[About, Facts]:
    run = side.run
    scripts = {name: blob.partition("/")[0] for name, blob in run.scripts.items()}
    took = (run.ended_at - run.created_at).total_seconds() if run.ended_at else 0.0
    return {
        About.PIPELINE: {"name": run.pipeline},
        About.INPUT: _input(side),
        About.PARAMETER: {name: str(value) for name, value in run.parameters.items()},
        About.DEFINITION: dict(_flat(_parsed(run.definition))),
        About.PROGRAM: {n: v for n, v in scripts.items() if not n.endswith(_ENVIRONMENTS)},
        About.ENVIRONMENT: {n: v for n, v in scripts.items() if n.endswith(_ENVIRONMENTS)},
        About.IMAGE: {name: image.digest for name, image in run.images.items()},
        About.STATE: {"state": run.state, **({"cause": run.cause} if run.cause else {})},
        About.COUNT: {
            "succeeded": f"{run.succeeded:,}",
            "failed": f"{run.failed:,}",
            "without output": f"{run.without_output:,}",
        },
        About.OUTPUT: {
            name: f"{_digest(file)}, {file.size:,} B" for name, file in side.files.items()
        },
        About.SECONDS: {"took": f"{took:,.1f}", "node-seconds": f"{run.node_seconds:,.1f}"},
    }


def _digest(file: OutputFile) -> str:
    same = file.digest.algorithm == SHA_256
    return file.digest.value if same else f"{file.digest.algorithm} {file.digest.value}"


def _input(side: Side) -> Facts:
    source = side.run.input
    if source is None:
        return {}
    known = {"md5": source.md5, "sha256": side.input_sha256}
    return {
        "name": f"{source.container}/{source.name}",
        "size": f"{source.size:,} B",
        "etag": source.etag,
        **{name: value for name, value in known.items() if value},
    }


def _names_only_storage_changed(before: Side, after: Side) -> set[tuple[About, str]]:
    """Return the facts that say nothing: an ETag beside equal digests, a digest of one side."""
    one, other = _input(before), _input(after)
    digests = [name for name in ("md5", "sha256") if name in one and name in other]
    told = {(About.INPUT, name) for name in ("md5", "sha256") if (name in one) != (name in other)}
    return told | {(About.INPUT, "etag")} if digests else told


def _changes(about: About, before: Facts, after: Facts) -> Iterator[Difference]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Difference(about, name, before.get(name), after.get(name))


def _parsed(definition: str) -> object:
    try:
        return json.loads(definition)
    except ValueError:  # a later release may write another format
        return definition


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of nested mappings as `task.program`, each with its value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield path or "text", shown
