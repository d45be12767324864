"""Writes what a case made where it was expected: into its files, or into the text of the case.

Of the file of cases only the values change; all else in it stays as its author wrote it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline.cli.trying.golden.cases import FOLDER, Case, Wanted
from pipeline.domain.catalogue.file import read_document
from pipeline.domain.catalogue.file_digests import sha256_of

_LONGEST = 2_000  # characters of a text that is written into a file of cases

type Change = tuple[tuple[int, int], str]


def update(case: Case, made: Mapping[str, Path]) -> None:
    """Write what a case made as what it should make; a program that checks is left as it is."""
    text = case.path.read_bytes().decode("utf-8-sig")
    # Another case of the file may have been written since it was read.
    places = read_document(case.path, FOLDER).places
    expected, where = case.body.outputs or {}, (*case.where, "outputs")
    if expected.keys() == made.keys() or (case.body.others and expected.keys() <= made.keys()):
        changes = [
            (places[*where, name, wanted.kind], value)
            for name, wanted in expected.items()
            if (value := _value(case, wanted, made[name])) is not None
        ]
    else:
        named = {name: _described(case, expected.get(name), path) for name, path in made.items()}
        changes = [(places[where], json.dumps(named, ensure_ascii=False))]
    for (start, end), value in sorted(changes, reverse=True):
        old = text[start:end]
        text = f"{text[:start]}{_like(old, value)}{_after(old)}{text[end:]}"
    fresh = case.path.with_suffix(".yaml.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(case.path)


def _value(case: Case, wanted: Wanted, made: Path) -> str | None:
    """Return the value of what is expected, in JSON; None if none stands in the file of cases."""
    if wanted.file is not None:
        case.file(wanted.file).parent.mkdir(parents=True, exist_ok=True)
        case.file(wanted.file).write_bytes(made.read_bytes())
    if wanted.sha256 is not None:
        return json.dumps(sha256_of(made))
    if wanted.text is not None:
        return json.dumps(made.read_bytes().decode("utf-8", "replace"), ensure_ascii=False)
    return None


def _described(case: Case, wanted: Wanted | None, made: Path) -> dict[str, str]:
    """Describe a file as it was described before; a new one by its text, or its digest."""
    if wanted is not None and (wanted.file or wanted.check):
        _value(case, wanted, made)
        return {wanted.kind: wanted.file or wanted.check or ""}
    try:
        text = made.read_bytes().decode()
    except UnicodeDecodeError:
        return {"sha256": sha256_of(made)}
    by_digest = len(text) > _LONGEST or (wanted is not None and wanted.sha256)
    return {"sha256": sha256_of(made)} if by_digest else {"text": text}


def _like(old: str, value: str) -> str:
    """Write a value in JSON, which YAML reads; a text as a block if it was one and can be one."""
    text = json.loads(value)
    lines = old.splitlines()
    is_block = old.startswith("|") and isinstance(text, str) and len(lines) > 1
    plain = is_block and text.endswith("\n") and not text.startswith((" ", "\n", "\t"))
    if not plain or not text.replace("\n", "").isprintable() or text.endswith("\n\n"):
        return value
    indent = " " * (len(lines[1]) - len(lines[1].lstrip(" ")))
    written = [f"{indent}{line}" if line else "" for line in text.splitlines()]
    return "\n".join(["|", *written])


def _after(old: str) -> str:
    """Return what follows a value within its place: the end of a block, and comments after it."""
    lines = old.splitlines(keepends=True)
    kept: list[str] = []
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        kept.insert(0, lines.pop())
    end = lines[-1][len(lines[-1].rstrip("\r\n")) :] if lines else ""
    return end + "".join(kept)
