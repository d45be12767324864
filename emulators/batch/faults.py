"""Planned misbehaviour: rules that strike operations, and the seeded
profile that makes clients prove themselves."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """When it strikes and what it does.

    `operation` is an SDK operation name, `*`, or one of the events `output_file` (an upload is
    lost), `output_order` (uploads are shuffled), `task_rerun` (a task runs twice) and
    `task_requeue`. `match` is a part of the path or name. `when` is `before` (the request has no
    effect) or `after` (it has, but the answer is lost). `count` is how often it may strike, -1
    without end.
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

    def fits(self, operation: str, subject: str) -> bool:
        """Tell whether the rule is about this operation on this subject."""
        named = self.operation == operation or (self.operation == _ANY and operation not in EVENTS)
        return self.count != 0 and named and self.match in subject


EVENTS = frozenset({"output_file", "output_order", "task_rerun", "task_requeue"})
AWKWARD = (
    Rule("*", probability=0.03, status=503, code="ServerBusy", retry_after_s=1),
    Rule("*", probability=0.01, status=429, code="TooManyRequests", retry_after_s=1),
    Rule("*", probability=0.01, status=500, code="InternalError", when="after"),
    Rule("enable_pool_auto_scale", probability=0.2, status=409, code="PoolBeingResized"),
    Rule("output_order", probability=1.0, delay_s=0.2),
    Rule("output_file", probability=0.03, code="FileUploadMiscError"),
    Rule("task_rerun", probability=0.03),
    Rule("task_requeue", probability=0.03),
)


class Faults:
    """The rules in force; the same seed strikes in the same order."""

    def __init__(self, profile: str, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - reproducible misbehaviour, nothing secret
        self._profile = AWKWARD if profile == "awkward" else ()
        self.rules: list[Rule] = list(self._profile)

    def add(self, rules: list[Mapping[str, Any]]) -> None:
        """Put rules in force, before those that are; raises TypeError for an unknown key."""
        self.rules = [Rule(**rule) for rule in rules] + self.rules

    def reset(self) -> None:
        """Go back to the profile's own rules."""
        self.rules = list(self._profile)

    def strike(self, operation: str, subject: str = "", when: str = "before") -> Rule | None:
        """Return the first rule that strikes now, counting it."""
        for index, rule in enumerate(self.rules):
            if rule.when != when or not rule.fits(operation, subject):
                continue
            if self.random.random() < rule.probability:
                if rule.count > 0:
                    self.rules[index] = replace(rule, count=rule.count - 1)
                return rule
        return None

    def document(self) -> list[dict[str, Any]]:
        """Return the rules as JSON."""
        return [asdict(rule) for rule in self.rules]
