"""Reads golden tests: `pipelines/tests/NAME.yaml` has the cases of pipeline NAME.

They are as strict as definitions. A file that a case names lies below `pipelines/tests/`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from pipeline.cli.exits import CommandError
from pipeline.domain.catalogue.catalogue import Catalogue, DefinitionError
from pipeline.domain.catalogue.file import (
    Document,
    Problem,
    UnreadableFile,
    Where,
    read_document,
)
from pipeline.domain.catalogue.problems import limited, problems_of
from pipeline.domain.definitions.parameters import InvalidParameters
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.types import (
    FORMAT,
    Format,
    Name,
    OneOf,
    OutputPath,
    ParameterName,
    Strict,
)
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.plans.split import Scalar
from pipeline.domain.runs.causes import Cause

FOLDER = "pipelines/tests"
_CAUSES = [str(cause) for cause in Cause if cause is not Cause.UNKNOWN]


def _below(path: str) -> str:
    parts = Path(path).parts
    if not parts or path.startswith("/") or ".." in parts or not path.isprintable():
        raise ValueError(f"{path[:60]!r} is no path below {FOLDER}/")
    return path


def _cause(word: str) -> str:
    if word not in _CAUSES:
        raise ValueError(f"there is no cause {word[:40]!r}{nearest(word, _CAUSES)}")
    return word


FilePath = Annotated[str, AfterValidator(_below), Field(min_length=1, max_length=512)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Given(Strict):
    """The input of a case: a text of its own, or a file; `name` is that of the blob."""

    text: str | None = None
    file: FilePath | None = None
    name: OutputPath | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.text is None) is (self.file is None):
            raise ValueError("takes exactly one of text, file")
        if self.text is not None and self.name is None:
            raise ValueError("a text needs a name, such as a.txt")
        return self


class Wanted(OneOf):
    """What a file of the output must be: a text, a file, a digest, or what a program accepts."""

    text: str | None = None
    file: FilePath | None = None
    sha256: Sha256 | None = None
    check: FilePath | None = None


class Failure(Strict):
    """How a run must fail: the cause, and perhaps words of its error."""

    cause: Annotated[str, AfterValidator(_cause)]
    says: str = ""


class CaseBody(Strict):
    """One case; without `item` the whole run is tried, and its output is compared."""

    description: str = ""
    input: Given | None = None
    folder: FilePath | None = Field(default=None, alias="with")
    parameters: dict[ParameterName, Scalar] = Field(default_factory=dict)
    item: int | None = Field(default=None, ge=0)
    outputs: dict[OutputPath, Wanted] | None = None
    others: bool = False
    fails: Failure | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.outputs is None) is (self.fails is None):
            raise ValueError("takes exactly one of outputs, fails")
        return self


class Suite(Strict):
    """The file of a pipeline's cases."""

    fanfare: Format = FORMAT
    cases: dict[Name, CaseBody] = Field(min_length=1)


@dataclass(frozen=True)
class Case:
    """One case of a pipeline, with the document that it is in."""

    pipeline: Pipeline
    name: str
    body: CaseBody
    path: Path
    document: Document

    @property
    def where(self) -> Where:
        """The place of the case in its document."""
        return ("cases", self.name)

    def file(self, path: str) -> Path:
        """Return a file that the case names."""
        return self.path.parent / path

    @property
    def blob_name(self) -> str:
        """The name of the input's blob, with the prefix of the trigger; "" without an input."""
        given, trigger = self.body.input, self.pipeline.trigger.blob
        if given is None:
            return ""
        return f"{trigger.prefix if trigger else ''}{given.name or Path(given.file or '').name}"

    def given_in(self, folder: Path) -> Path | None:
        """Return the input, if there is one: a text of the case is written into the folder."""
        given = self.body.input
        if given is None:
            return None
        if given.file:
            return self.file(given.file)
        file = folder / "input"
        file.write_text(given.text or "", "utf-8")
        return file


def load(root: Path, catalogue: Catalogue, wanted: str | None = None) -> list[Case]:
    """Read the cases of all pipelines, or of one.

    Raises NotFound for an unknown pipeline, CommandError if there is none, and DefinitionError,
    which lists every problem of every file.
    """
    if wanted is not None:
        catalogue.pipeline(wanted)
    folder, problems, cases = root / FOLDER, list[Problem](), list[Case]()
    for path in sorted(folder.glob(f"{wanted or '*'}.yaml")):
        try:
            cases += _read(path, catalogue, problems)
        except UnreadableFile as error:
            problems += error.problems
    if problems:
        raise DefinitionError("\n".join(str(problem) for problem in limited(problems)))
    if not cases:
        of = f" of {wanted}" if wanted else ""
        raise CommandError(
            f"There are no tests{of}: write {FOLDER}/{wanted or 'NAME'}.yaml (docs/trying.md)."
        )
    return cases


def _read(path: Path, catalogue: Catalogue, problems: list[Problem]) -> Iterator[Case]:
    document = read_document(path, FOLDER)
    problems += document.problems
    pipeline = catalogue.pipelines.get(path.stem)
    if pipeline is None:
        reason = f"there is no pipelines/{path.name}{nearest(path.stem, catalogue.pipelines)}"
        problems.append(Problem(document.file, 0, "", reason))
        return
    try:
        # As JSON, because strict models accept lists and dates only from JSON.
        suite = Suite.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        problems += problems_of(Suite, error, document)
        return
    for name, body in suite.cases.items():
        case = Case(pipeline, name, body, path, document)
        problems += [document.problem(where, reason) for where, reason in _lacks(case)]
        yield case


def _lacks(case: Case) -> Iterator[tuple[Where, str]]:
    """Yield what a case names that is not there."""
    body = case.body
    if body.input and body.input.file and not case.file(body.input.file).is_file():
        yield (*case.where, "input", "file"), f"there is no {FOLDER}/{body.input.file}"
    if body.folder and not case.file(body.folder).is_dir():
        yield (*case.where, "with"), f"there is no folder {FOLDER}/{body.folder}"
    for name, wanted in (body.outputs or {}).items():
        if wanted.check and not case.file(wanted.check).is_file():
            where = (*case.where, "outputs", name, "check")
            yield where, f"there is no {FOLDER}/{wanted.check}"
    if body.input is None and case.pipeline.split.needs_input:
        reason = f"is required but missing: {case.pipeline.name} splits its input"
        yield (*case.where, "input"), reason
    try:
        case.pipeline.resolve_parameters(body.parameters)
    except InvalidParameters as error:
        yield (*case.where, "parameters"), str(error)
