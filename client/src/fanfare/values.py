"""What the app says, as values. Fields and words that this release does not know are no error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fanfare.errors import Unreachable

Json = Mapping[str, Any]

_OVER = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class Run:
    """A run as the app shows it; `raw` has every field of the answer.

    A list of runs leaves out `error`, which is "" then.
    """

    id: str
    pipeline: str
    generation: int
    state: str
    created_at: datetime
    ended_at: datetime | None
    succeeded: int
    failed: int
    cause: str | None
    error: str
    why: str
    raw: Json = field(repr=False, compare=False)

    @property
    def over(self) -> bool:
        """Whether the run has its verdict: succeeded, failed or cancelled."""
        return self.state in _OVER

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.state == "succeeded"


@dataclass(frozen=True)
class OutputFile:
    """A file of an output: its name, a relative path that a program chose, size and digest.

    `url` reads it until `Outputs.expires_at`, without any other credential.
    """

    name: str
    size: int
    sha256: str | None
    content_type: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class Outputs:
    """The output of one generation of a run."""

    run: str
    generation: int
    files: tuple[OutputFile, ...]
    expires_at: datetime

    def __getitem__(self, name: str) -> OutputFile:
        for file in self.files:
            if file.name == name:
                return file
        raise KeyError(name)


@dataclass(frozen=True)
class CompletionEvent:
    """A CloudEvent that tells of a run's end; `data` has all that the event's schema describes."""

    id: str
    source: str
    type: str
    run: str
    pipeline: str
    generation: int
    verdict: str
    data: Json = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.verdict == "succeeded"


@dataclass(frozen=True)
class Place:
    """Where the app wants an upload: the signed URL, and the input as a start names it."""

    uploaded: bool
    url: str = field(repr=False)
    input: Json


@dataclass(frozen=True)
class Page:
    """Some files of an output, and how many it has."""

    part: Outputs
    total: int


def run_of(answer: Any) -> Run:  # noqa: ANN401 - JSON of a stranger
    """Read a run. Raises Unreachable if it is none."""
    with _Reading("run"):
        return Run(
            id=_text(answer["id"]),
            pipeline=_text(answer["pipeline"]),
            generation=int(answer["generation"]),
            state=_text(answer["state"]),
            created_at=moment(answer["created_at"]),
            ended_at=moment(answer["ended_at"]) if answer.get("ended_at") else None,
            succeeded=int(answer.get("succeeded", 0)),
            failed=int(answer.get("failed", 0)),
            cause=answer.get("cause"),
            error=str(answer.get("error") or ""),
            why=str(answer.get("why") or ""),
            raw=answer,
        )


def runs_of(answer: Any) -> tuple[list[Run], str | None]:  # noqa: ANN401 - JSON of a stranger
    """Read a list of runs, and where it goes on, if it does. Raises Unreachable if it is none."""
    with _Reading("list of runs"):
        rest = answer.get("next")
        return [run_of(each) for each in answer["runs"]], None if rest is None else _text(rest)


def place_of(answer: Any) -> Place:  # noqa: ANN401 - JSON of a stranger
    """Read where an upload goes. Raises Unreachable if the answer does not say it."""
    with _Reading("place of an upload"):
        return Place(answer["uploaded"] is True, _text(answer["url"]), answer["input"])


def page_of(answer: Any) -> Page:  # noqa: ANN401 - JSON of a stranger
    """Read a page of an output. Raises Unreachable if it is none."""
    with _Reading("list of files"):
        part = Outputs(
            run=_text(answer["run"]),
            generation=int(answer["generation"]),
            files=tuple(_file(each) for each in answer["files"]),
            expires_at=moment(answer["expires_at"]),
        )
        return Page(part, int(answer["total"]))


def event_of(event: Any) -> CompletionEvent:  # noqa: ANN401 - JSON of a stranger
    """Read a completion event. Raises Unreachable if it is none."""
    with _Reading("completion event"):
        data = event["data"]
        return CompletionEvent(
            id=_text(event["id"]),
            source=_text(event["source"]),
            type=_text(event["type"]),
            run=_text(data["run"]),
            pipeline=_text(data["pipeline"]),
            generation=int(data["generation"]),
            verdict=_text(data["verdict"]),
            data=data,
        )


def moment(text: object) -> datetime:
    """Read a time as the app writes it, ISO 8601 in UTC. Raises ValueError."""
    return datetime.fromisoformat(_text(text).replace("Z", "+00:00"))


def _file(answer: Json) -> OutputFile:
    digest = answer["digest"]
    return OutputFile(
        name=_text(answer["name"]),
        size=int(answer["size"]),
        sha256=_text(digest["value"]) if digest["algorithm"] == "sha256" else None,
        content_type=str(answer.get("content_type") or ""),
        url=_text(answer["url"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is not text")
    return value


class _Reading:
    """Turns what goes wrong while an answer is read into one error."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LookupError | TypeError | ValueError | AttributeError):
            raise Unreachable(
                f"The answer is no {self._what} of Fanfare ({error}): check the URL."
            ) from error
