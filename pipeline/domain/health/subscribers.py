"""Judges who gets completion events: what the topic has, against what a deployment declares."""

import shlex
from collections.abc import Collection, Iterator

from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND

_CHECK = "subscribers"
_FILE = "infra/main.parameters.json"


def subscribers(
    there: Collection[str], declared: Collection[str] | None, topic: str, where: Deployment
) -> list[Finding]:
    """Judge the event subscriptions of the topic by their names; None if no list is known.

    A deployment deletes nothing: who is taken out of its list gets events until somebody ends that.
    """
    if declared is None:
        said = f"{len(there)} get events; there is no {_FILE} to compare them with"
        return [Finding(_CHECK, Level.OK, said)]
    said = f"{len(there)} get events, as declared"
    found = [*_undeclared(there, declared, topic, where), *_missing(there, declared)]
    return found or [Finding(_CHECK, Level.OK, said)]


def _undeclared(
    there: Collection[str], declared: Collection[str], topic: str, where: Deployment
) -> Iterator[Finding]:
    for name in sorted(set(there) - set(declared)):
        yield Finding(
            _CHECK,
            Level.NOTE,
            f"{name} gets events, and is not in {_FILE}",
            "it was taken out of the list, which ends nothing, or it was made by hand",
            f"az eventgrid topic event-subscription delete -g {where.group} --topic-name {topic} "
            f"-n {shlex.quote(name)}; {BY_HAND}or add it to `subscribers` in {_FILE}",
        )


def _missing(there: Collection[str], declared: Collection[str]) -> Iterator[Finding]:
    for name in sorted(set(declared) - set(there)):
        why = "nobody there is told of completed runs"
        yield Finding(
            _CHECK, Level.FAULT, f"{name} is declared, and gets no events", why, "azd provision"
        )
