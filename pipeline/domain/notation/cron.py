"""NCRONTAB expressions: second, minute, hour, day, month, weekday; five fields have no second.

As in Azure Functions, a day must match both the day field and the weekday field; Sunday is 0.
What Azure takes but few people mean is refused: backward ranges, steps below 1, names of one or
two letters, days that never come.
"""

import re
from dataclasses import dataclass
from datetime import date

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_SHORTEST_NAME = 3
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ELEMENT = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()
    hint: str = ""

    def parse(self, text: str) -> tuple[int, ...]:
        values: set[int] = set()
        for element in text.split(","):
            values.update(self._element(element))
        return tuple(sorted(values))

    def _element(self, text: str) -> range:
        match = _ELEMENT.fullmatch(text)
        if not match or (match[1] == "*" and match[2]):
            raise ValueError(f"{text[:20]!r} is not a valid {self.name}")
        first = self.lowest if match[1] == "*" else self._value(match[1])
        last = self._last(match[1], match[2], stepped=match[3] is not None, first=first)
        step = int(match[3] or 1)
        if step < 1:
            raise ValueError(f"the step of {self.name} {text[:20]!r} must be above 0")
        if last < first:
            raise ValueError(f"{self.name} {text[:20]!r} ends before it starts")
        return range(first, last + 1, step)

    def _last(self, start: str, end: str | None, *, stepped: bool, first: int) -> int:
        if end is not None:
            return self._value(end)
        return self.highest if start == "*" or stepped else first

    def _value(self, text: str) -> int:
        for index, word in enumerate(self.words):
            if len(text) >= _SHORTEST_NAME and word.startswith(text.lower()):
                return self.lowest + index
        digits = text.lstrip("0")[:6] or "0"
        if not text.isdecimal() or not self.lowest <= int(digits) <= self.highest:
            raise ValueError(
                f"{text[:20]!r} is not a valid {self.name}: "
                f"it must be between {self.lowest} and {self.highest}{self.hint}"
            )
        return int(digits)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 6, _WEEKDAYS, ", and Sunday is 0"),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: the values that each field allows, in ascending order."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def every_hour(self) -> bool:
        """Whether the expression is an interval: it has every hour of the day."""
        return len(self.hours) == _FIELDS[2].highest + 1

    def matches_day(self, day: date) -> bool:
        """Return whether the expression has ticks on this local day."""
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )


def parse_cron(text: str) -> Cron:
    """Parse six fields, or five, which fire at second 0. Raises ValueError, which names the wrong
    field."""
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{text[:60]!r} has {len(fields)} fields. Write six (second minute hour day month "
            "weekday), or five without the second"
        )
    cron = Cron(*(field.parse(part) for field, part in zip(_FIELDS, fields, strict=True)))
    if all(cron.days[0] > _LONGEST_MONTH[month - 1] for month in cron.months):
        raise ValueError(f"{text[:60]!r} never fires: its months have no day {cron.days[0]}")
    return cron
