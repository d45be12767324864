"""Compares what a case made with what it should make."""

import difflib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.trying.golden.cases import Case, Wanted
from pipeline.domain.catalogue.file_digests import sha256_of

_DIFF_LINES = 40
_CHECK_S = 60
_WORDS = 2_000


@dataclass(frozen=True)
class Difference:
    """One thing that is not as expected: the file of the output, why, and lines that show it.

    What a program `refused` stays wrong whatever is written anew.
    """

    file: str
    why: str
    lines: tuple[str, ...] = ()
    refused: bool = False


def differences(case: Case, made: Mapping[str, Path]) -> Iterator[Difference]:
    """Yield how the files that a case made differ from those that it should make."""
    expected = case.body.outputs or {}
    for name in expected.keys() - made.keys():
        others = ", ".join(sorted(made)) or "none"
        yield Difference(name, f"was not written (files: {others})")
    for name in sorted(expected.keys() & made.keys()):
        yield from _judge(case, name, expected[name], made[name])
    if not case.body.others:
        for name in sorted(made.keys() - expected.keys()):
            yield Difference(name, "is not expected: add it to outputs, or set others: true")


def _judge(case: Case, name: str, wanted: Wanted, made: Path) -> Iterator[Difference]:
    if wanted.check is not None:
        yield from _checked(case, name, wanted.check, made)
    elif wanted.sha256 is not None:
        digest = sha256_of(made)
        if digest != wanted.sha256:
            yield Difference(name, f"has sha256 {digest}, expected {wanted.sha256}")
    else:
        yield from _compared(name, _expected(case, wanted), made)


def _expected(case: Case, wanted: Wanted) -> bytes | None:
    """Return the bytes that are expected, or None if there is no file of them yet."""
    if wanted.text is not None:
        return wanted.text.encode()
    path = case.file(wanted.file or "")
    return path.read_bytes() if path.is_file() else None


def _compared(name: str, expected: bytes | None, made: Path) -> Iterator[Difference]:
    if expected is None:
        yield Difference(name, "has no expected file yet: --update writes it")
        return
    content = made.read_bytes()
    if content == expected:
        return
    try:
        before, after = (one.decode().splitlines() for one in (expected, content))
    except UnicodeDecodeError:
        sizes = f"{len(content):,} bytes, expected {len(expected):,}"
        yield Difference(name, f"differs ({sizes})")
        return
    lines = list(difflib.unified_diff(before, after, "expected", "got", lineterm=""))
    if not lines:
        yield Difference(name, "differs only in line ends or the last line feed")
        return
    more = ["…"] * (len(lines) > _DIFF_LINES)
    yield Difference(name, "differs", (*lines[:_DIFF_LINES], *more))


def _checked(case: Case, name: str, check: str, made: Path) -> Iterator[Difference]:
    """Let a program judge a file: it gets the path, and exits with 0 if all is well."""
    program = case.file(check)
    start = [sys.executable, str(program)] if check.endswith(".py") else [str(program)]
    if len(start) == 1 and not os.access(program, os.X_OK):
        yield Difference(
            name, f"cannot be checked: {check} is not executable (chmod +x)", refused=True
        )
        return
    try:
        done = subprocess.run(
            [*start, str(made)],
            capture_output=True,
            timeout=_CHECK_S,
            check=False,
            cwd=made.parent,
        )
    except subprocess.TimeoutExpired:
        yield Difference(
            name, f"was not checked: {check} took longer than {_CHECK_S} s", refused=True
        )
        return
    except OSError as error:
        yield Difference(name, f"cannot be checked: {check}: {error.strerror}", refused=True)
        return
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip()[-_WORDS:]
        why = f"is refused by {check} (exit code {done.returncode})"
        yield Difference(name, why, tuple(said.splitlines()), refused=True)
