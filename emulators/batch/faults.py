"""Faults on purpose: rules that strike requests and events, and a seeded profile that tests
clients."""

import json
import random
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a rule strikes and what it does.

    `operation` is an SDK operation name, `*`, or one of EVENTS. `match` is a part of the path or
    name. `when` is `before` (the request has no effect) or `after` (it has, but the answer is
    lost). `count` limits how often it strikes; -1 means no limit.

    With `once` it strikes one place at most once, so that repeated work succeeds in the end. A
    place is a path, a task, or the jobs with the same metadata as that of an output file. `nodes`
    is how many machines an `allocation` still finds.
    """

    operation: str = _ANY
    match: str = ""
    probability: float = 1.0
    count: int = -1
    delay_s: float = 0.0
    status: int = 0
    code: str = ""
    retry_after_s: float | None = None
    when: str = "before"
    once: bool = False
    nodes: int = 0

    def fits(self, operation: str, subject: str) -> bool:
        """Tell whether the rule applies to this operation on this subject."""
        named = self.operation == operation or (self.operation == _ANY and operation not in EVENTS)
        return self.count != 0 and named and self.match in subject


@dataclass(frozen=True, slots=True)
class Event:
    """Something other than a request that a rule may strike: what `match` is compared with, and the
    effect."""

    subject: str
    words: str


EVENTS: Mapping[str, Event] = {
    "output_file": Event(
        "the blob's name", "its upload is lost, or with `delay_s` and without `code` only late"
    ),
    "output_order": Event("the task's id", "its uploads come in any order"),
    "task_rerun": Event("the task's id", "it runs twice"),
    "task_requeue": Event("the task's id", "it is requeued"),
    "allocation": Event(
        "`<pool>/dedicated` or `<pool>/spot`",
        "after `delay_s` only `nodes` machines are found (none), and `code` is the resize error "
        "(`AllocationFailed`)",
    ),
    "start_task": Event(
        "`<pool>/<node>`", "its start task runs, then fails with `code` (`FailureExitCode`)"
    ),
    "node_unusable": Event(
        "`<pool>/<node>`",
        "the node becomes `unusable` instead of ready; `code`, such as `ContainerInvalidImage`, "
        "is its error, without `code` it has none",
    ),
    "preemption": Event(
        "`<pool>/<node>`", "the node is `unusable` for `delay_s` before it is `preempted`"
    ),
}
AWKWARD = (
    Rule("*", probability=0.03, status=503, code="ServerBusy", retry_after_s=1),
    Rule("*", probability=0.01, status=429, code="TooManyRequests", retry_after_s=1),
    Rule("*", probability=0.01, status=500, code="InternalError", when="after"),
    Rule("enable_pool_auto_scale", probability=0.2, status=409, code="PoolBeingResized"),
    Rule("output_order", probability=1.0, delay_s=0.2),
    Rule("output_file", probability=0.03, code="FileUploadMiscError", once=True),
    Rule("task_rerun", probability=0.03),
    Rule("task_requeue", probability=0.03),
    Rule("preemption", probability=0.5, delay_s=1),
)


class BadRule(Exception):
    """A fault rule is wrong; the text says why."""


_NUMBERS: Mapping[str, tuple[float, float]] = {
    "probability": (0, 1),
    "count": (-1, 1 << 31),
    "delay_s": (0, 3600),
    "status": (0, 599),
    "retry_after_s": (0, 3600),
    "nodes": (0, 1 << 31),
}
_TEXTS = ("operation", "match", "code", "when")


def read_rules(path: Path, operations: Set[str]) -> list[Rule]:
    """Read rules from a JSON file; raises BadRule."""
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadRule(f"{path} cannot be read as JSON: {error}") from error
    return parse_rules(raw, operations)


def parse_rules(raw: object, operations: Set[str]) -> list[Rule]:
    """Return the rules of a JSON list or of one object; raises BadRule, which says what is
    wrong."""
    return [_rule(one, operations) for one in (raw if isinstance(raw, list) else [raw])]


def _rule(raw: object, operations: Set[str]) -> Rule:
    if not isinstance(raw, dict):
        raise BadRule(f"A rule is a JSON object, not {raw!r:.80}")
    for name, value in raw.items():
        _check(name, value)
    rule = Rule(**raw)
    if rule.operation not in operations | EVENTS.keys() | {_ANY}:
        known = f"an operation of the SDK, '*', or one of {', '.join(sorted(EVENTS))}"
        raise BadRule(f"operation: {rule.operation!r:.80} is unknown; it must be {known}")
    if rule.when not in ("before", "after"):
        raise BadRule(f"when: {rule.when!r:.80} must be 'before' or 'after'")
    return rule


def _check(name: str, value: object) -> None:
    if name in _TEXTS:
        if not isinstance(value, str):
            raise BadRule(f"{name}: {value!r:.80} must be text")
    elif name == "once":
        if not isinstance(value, bool):
            raise BadRule(f"once: {value!r:.80} must be true or false")
    elif name in _NUMBERS:
        low, high = _NUMBERS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and low <= value <= high):  # type: ignore[operator] # `number` says so
            raise BadRule(f"{name}: {value!r:.80} must be a number from {low} to {high}")
    else:
        known = ", ".join([*_TEXTS, *_NUMBERS, "once"])
        raise BadRule(f"{name!r:.80} is not a property of a rule; known are {known}")


class Faults:
    """The rules in force; the same seed strikes in the same order."""

    def __init__(self, profile: str, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible misbehaviour, nothing secret
        self._profile = AWKWARD if profile == "awkward" else ()
        self.rules: list[Rule] = list(self._profile)
        self._struck: set[tuple[Rule, str]] = set()

    def add(self, rules: list[Rule]) -> None:
        """Put rules in force; they come before the older ones."""
        self.rules = rules + self.rules

    def reset(self) -> None:
        """Return to the profile's own rules."""
        self.rules = list(self._profile)
        self._struck.clear()

    def strike(
        self, operation: str, subject: str = "", when: str = "before", place: str = ""
    ) -> Rule | None:
        """Return the first rule that strikes now, and count it.

        `place` is what a rule with `once` spares from then on; by default it is the subject.
        """
        for index, rule in enumerate(self.rules):
            if rule.when != when or not rule.fits(operation, subject):
                continue
            struck = (replace(rule, count=-1), place or subject)
            if struck in self._struck or self.random.random() >= rule.probability:
                continue
            if rule.once:
                self._struck.add(struck)
            if rule.count > 0:
                self.rules[index] = replace(rule, count=rule.count - 1)
            return rule
        return None

    def document(self) -> list[dict[str, Any]]:
        """Return the rules as JSON."""
        return [asdict(rule) for rule in self.rules]


def events_table() -> str:
    """Return all events as a Markdown table."""
    rows = ["| event | `match` looks at | what a rule does |", "|---|---|---|"]
    rows += [f"| `{name}` | {one.subject} | {one.words} |" for name, one in EVENTS.items()]
    return "\n".join(rows) + "\n"
