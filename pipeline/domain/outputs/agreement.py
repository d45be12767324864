"""Decides whether a file on disk is the one that a manifest names."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.runs.manifest import SHA_256, OutputFile


class Agreement(StrEnum):
    """How a file on disk agrees with a manifest."""

    OK = "ok"
    MISSING = "missing"
    CHANGED = "changed"
    EXTRA = "extra"
    UNKNOWN = "unknown"  # the manifest has no digest that can be compared


@dataclass(frozen=True)
class Judgement:
    """A file by its name in the output, how it agrees, and why it does not."""

    name: str
    agreement: Agreement
    why: str = ""


@dataclass(frozen=True)
class Found:
    """What is in the place of a file: its size, and its SHA-256 if the size is the expected one.

    A link, a folder or a device is no `file`.
    """

    file: bool
    size: int = 0
    sha256: str = ""


def digest_of(expected: OutputFile) -> str | None:
    """Return the SHA-256 that a file must have; None if an older release did not note it."""
    return expected.digest.value if expected.digest.algorithm == SHA_256 else None


def judge(expected: OutputFile, found: Found | None) -> Judgement:
    """Compare what is there with what the manifest says."""
    digest = digest_of(expected)
    if found is None:
        return Judgement(expected.name, Agreement.MISSING)
    if not found.file:
        return Judgement(expected.name, Agreement.CHANGED, "not a regular file")
    if found.size != expected.size:
        sizes = f"{found.size:,} bytes instead of {expected.size:,}"
        return Judgement(expected.name, Agreement.CHANGED, sizes)
    if digest is None:
        return Judgement(expected.name, Agreement.UNKNOWN, "the manifest has no SHA-256 of it")
    if found.sha256 != digest:
        digests = f"SHA-256 {found.sha256[:12]}… instead of {digest[:12]}…"
        return Judgement(expected.name, Agreement.CHANGED, digests)
    return Judgement(expected.name, Agreement.OK)
