"""What a subscription asks for, in the words of Event Grid. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.config import Json
from pipeline.cli.subscribing.endpoints import base_of
from pipeline.domain.texts.visible import visible

SCHEMA = "CloudEventSchemaV1_0"
MAX_PIPELINES = 25  # values that Event Grid takes in the filters of a subscription
_NAME = re.compile(r"[A-Za-z0-9-]{3,64}")
_LONGEST = 64


class Verdict(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Filter:
    """Which events pass; an empty part lets all pass."""

    pipelines: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @classmethod
    def of(cls, pipelines: Sequence[str], verdicts: Sequence[Verdict]) -> "Filter":
        """Drop repeats. Raises CommandError for more pipelines than one filter takes."""
        named = tuple(sorted(set(pipelines)))
        if len(named) > MAX_PIPELINES:
            raise CommandError(
                f"A subscription can name {MAX_PIPELINES} pipelines, not {len(named)}: make "
                "several subscriptions, or one of all pipelines.",
                Exit.USAGE,
            )
        asked = tuple(verdict for verdict in Verdict if verdict in verdicts)
        return cls(named, asked if len(asked) < len(Verdict) else ())

    @property
    def event_types(self) -> list[str]:
        """The types of the events that pass; none means all."""
        return [f"fanfare.run.{verdict}" for verdict in self.verdicts]

    def properties(self) -> dict[str, Json]:
        """Render the filter as Event Grid has it; {} if everything passes."""
        types: dict[str, Json] = {"includedEventTypes": [*self.event_types]}
        only: Json = {
            "operatorType": "StringIn",
            "key": "data.pipeline",
            "values": [*self.pipelines],
        }
        return {
            **(types if self.verdicts else {}),
            **({"advancedFilters": [only]} if self.pipelines else {}),
        }

    def words(self) -> str:
        """Say in words what passes."""
        if not (self.pipelines or self.verdicts):
            return "all runs"
        which = f" of {', '.join(self.pipelines)}" if self.pipelines else ""
        how = f" that {' or '.join(_ENDED[verdict] for verdict in self.verdicts)}"
        return f"runs{which}{how if self.verdicts else ''}"


_ENDED = {
    Verdict.SUCCEEDED: "succeeded", Verdict.FAILED: "failed", Verdict.CANCELLED: "were cancelled",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A subscription as somebody asks for it: a URL or a queue, and what it shall get."""

    name: str
    url: str = ""
    queue: str = ""
    filter: Filter = Filter()

    @property
    def target(self) -> str:
        """Where the events go, for people; without the query of a URL."""
        return base_of(self.url) if self.url else f"the queue {self.queue}"

    def properties(self) -> dict[str, Json]:
        """Render the subscription as Event Grid has it."""
        queue: Json = {"endpointType": "StorageQueue", "properties": {"queueName": self.queue}}
        hook: Json = {"endpointType": "WebHook", "properties": {"endpointUrl": self.url}}
        only = self.filter.properties()
        return {
            "destination": hook if self.url else queue,
            **({"filter": only} if only else {}),
            "eventDeliverySchema": SCHEMA,
        }


def named(name: str | None, url: str, queue: str) -> str:
    """Return the name of a subscription, made from its target if none is given.

    Raises CommandError for a name that Event Grid refuses.
    """
    if name is None:
        parts = urlsplit(url)
        told = queue or f"{parts.netloc}{parts.path}"
        made = re.sub(r"[^a-z0-9]+", "-", told.lower())[:_LONGEST].strip("-")
        return made if len(made) >= 3 else f"hook-{made}"  # noqa: PLR2004 as in _NAME
    return checked_name(name)


def checked_name(name: str) -> str:
    """Return a name that a subscription can have. Raises CommandError."""
    if not _NAME.fullmatch(name):
        shown = visible(name[:_LONGEST]).replace("\n", "\\n")
        raise CommandError(
            f"{shown!r} is no name of a subscription: it has 3 to 64 letters, digits and hyphens.",
            Exit.USAGE,
        )
    return name
