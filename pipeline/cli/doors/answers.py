"""Reads what an app answers into the values that commands work with.

Fields that this release does not know are no error. What only the engine has stays empty: the
definition of a run, its seal, and where its plan lies.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.cli.doors.calls import Unintelligible
from pipeline.domain.runs import naming
from pipeline.domain.runs.results import ItemOutcome, ItemResult
from pipeline.domain.runs.run import Origin, OriginKind, Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import Permanent
from pipeline.handlers.collecting.logs import Log
from pipeline.handlers.collecting.standing import FailedItem, Standing

type Json = Any  # of a stranger

_LONGEST_ID = 100  # characters of what was asked for, in messages


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Place(_Answer):
    """Where an upload goes: the URL, and the input as a start names it."""

    uploaded: bool
    url: str
    input: Mapping[str, str]


class File(_Answer):
    """A file of an output, and the URL that reads it."""

    name: str
    url: str


class FilesPage(_Answer):
    """Some files of an output, and the pages of its manifest; an older app knows no pages."""

    generation: int
    manifest: str
    total: int
    files: tuple[File, ...]
    pages: tuple[File, ...] = ()


def run_of(answer: Json, asked: str = "") -> Run:
    """Read a run, which has to be the one that was asked for. Raises Permanent."""
    shown = _shown(answer)
    run = _read("run", answer, lambda: _checked(Run.model_validate({**shown, "definition": ""})))
    if asked and run.id != asked:
        raise Permanent(
            f"The app answers with run {run.id} where {visible(asked[:_LONGEST_ID])} was asked "
            "for: check the address."
        )
    return run


def listed_of(answer: Json) -> tuple[list[Run], list[str], str | None]:
    """Read a list of runs, and where it goes on: "" at its end, None if the app is too old to say.

    Raises Permanent.
    """
    runs = _read("list of runs", answer, lambda: [_of_a_list(each) for each in answer["runs"]])
    rest = str(answer["next"] or "") if "next" in answer else None
    return runs, [visible(str(each)) for each in answer.get("unreadable", ())], rest


def standing_of(answer: Json, asked: str) -> Standing:
    """Read how the run stands that was asked for. Raises Permanent."""
    run = run_of(_field(answer, "run"), asked)
    return _read(
        "state of a run",
        answer,
        lambda: Standing(
            run,
            run.obstacle,
            int(answer["done"]),
            int(answer["items"]),
            int(answer["failed"]),
            float(answer["node_seconds"]),
            int(answer["peak_memory"]),
            int(answer["peak_disk"]),
            visible(str(answer["remedy"])),
        ),
    )


def failed_of(answer: Json) -> list[FailedItem]:
    """Read the items that failed. Raises Permanent."""
    return _read("list of items", answer, lambda: [_item(each) for each in answer["failed_items"]])


def logs_of(answer: Json) -> tuple[list[Log], bool]:
    """Read logs, and whether there are more. Raises Permanent."""
    return _read(
        "list of logs",
        answer,
        lambda: (
            [
                Log(str(one["unit"]), str(one["name"]), str(one["text"]), cut=one["cut"] is True)
                for one in answer["logs"]
            ],
            answer["more"] is True,
        ),
    )


def place_of(answer: Json) -> Place:
    """Read where an upload goes. Raises Permanent."""
    return _read("place of an upload", answer, lambda: Place.model_validate(answer))


def files_of(answer: Json) -> FilesPage:
    """Read a page of an output. Raises Permanent."""
    return _read("list of files", answer, lambda: FilesPage.model_validate(answer))


def _of_a_list(answer: Json) -> Run:
    """Read a run of a list, which leaves out what no list shows."""
    at = answer["created_at"]
    unknown = Origin.model_validate({"kind": OriginKind.OTHER, "key": (), "at": at})
    more = {"definition": "", "pool": "", "changed_at": at, "origin": unknown}
    return _checked(Run.model_validate({**_shown(answer), **more}))


def _checked(run: Run) -> Run:
    """Return a run if its id is one: folders and remedies are named by it. Raises ValueError."""
    if naming.pipeline_of(run.id) != run.pipeline:
        raise ValueError(run.id)
    return run


def _shown(answer: Json) -> Json:
    """Spell out control characters in all texts, of which any may reach a terminal."""
    match answer:
        case str():
            return visible(answer)
        case list():
            return [_shown(each) for each in answer]
        case dict():
            return {visible(str(name)): _shown(each) for name, each in answer.items()}
        case _:
            return answer


def _item(answer: Json) -> FailedItem:
    shown = _shown(answer)
    item = ItemResult.model_validate({**shown, "outcome": ItemOutcome.FAILED, "outputs": ()})
    return FailedItem(str(shown["unit"]), str(shown["node"]), item)


def _field(answer: Json, name: str) -> Json:
    return answer.get(name) if isinstance(answer, dict) else None


def _read[T](what: str, answer: Json, read: Callable[[], T]) -> T:
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, ValidationError) as error:
        known = sorted(answer) if isinstance(answer, dict) else type(answer).__name__
        has = visible(str(known))[:200]
        raise Unintelligible(
            f"The app's answer is no {what} that this release can read ({has}): check "
            "the address, and whether the app is of an older release."
        ) from error
