"""NCRONTAB expressions as Azure Functions reads them: six fields, or five without the seconds.

An occurrence matches every field, so its day has to match both the day and the weekday. A backward
range means its reverse, a step below one means one, and a name may be cut short (`Mo`, `T`).
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time

NEVER = datetime.max  # noqa: DTZ901 - a wall clock has no zone
"""What follows if nothing does: 30 February, or the end of the calendar."""

_FIELDS = 6
_INT32 = 2**31
_INT32_DIGITS = 10
_CYCLE_YEARS = 400  # Then weekdays and leap years repeat.
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_STEP = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_INTERVAL = frozenset("*/-")


@dataclass(frozen=True)
class _Field:
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Return what a field admits; raises ValueError."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    @property
    def size(self) -> int:
        return self.highest - self.lowest + 1

    def _part(self, text: str) -> range:
        text, slash, step = text.partition("/")
        if slash and not _STEP.fullmatch(step):
            raise ValueError(f"{step!r} is not a step")
        first, last = self._bounds(text, stepped=bool(slash))
        return range(min(first, last), max(first, last) + 1, max(_int32(step), 1) if slash else 1)

    def _bounds(self, text: str, *, stepped: bool) -> tuple[int, int]:
        if text == "*":
            return self.lowest, self.highest
        first, dash, last = text.partition("-")
        if dash:
            return self._value(first), self._value(last)
        return self._value(first), self.highest if stepped else self._value(first)

    def _value(self, text: str) -> int:
        if _NUMBER.fullmatch(text):
            value = _int32(text)
            if not self.lowest <= value <= self.highest:
                raise ValueError(f"{value} is not between {self.lowest} and {self.highest}")
            return value
        for index, name in enumerate(self.names):
            if text and text.isascii() and name.startswith(text.lower()):
                return self.lowest + index
        raise ValueError(f"{text!r} is neither a number nor a name")


def _int32(digits: str) -> int:
    magnitude = digits.lstrip("+-").lstrip("0") or "0"
    if len(magnitude) > _INT32_DIGITS or int(magnitude) >= _INT32:
        raise ValueError("a number has more than 32 bits")
    return -int(magnitude) if digits.startswith("-") else int(magnitude)


_SECOND = _MINUTE = _Field(0, 59)
_HOUR = _Field(0, 23)
_DAY = _Field(1, 31)
_MONTH = _Field(1, 12, _MONTHS)
_WEEKDAY = _Field(0, 6, _WEEKDAYS)


class Ncrontab:
    """A parsed expression; raises ValueError for text that Azure refuses."""

    def __init__(self, expression: str) -> None:
        fields = [field for field in expression.split(" ") if field]
        if len(fields) == _FIELDS - 1:
            fields = ["0", *fields]
            self.is_interval = _has_interval(fields[1:3])
        elif len(fields) == _FIELDS:
            self.is_interval = _has_interval(fields[:3])
        else:
            raise ValueError(f"{len(fields)} fields are neither five nor six")
        second, minute, hour, day, month, weekday = fields
        self._hours = sorted(_HOUR.values(hour))
        self._minutes = sorted(_MINUTE.values(minute))
        self._seconds = sorted(_SECOND.values(second))
        self._days = sorted(_DAY.values(day))
        self._months = sorted(_MONTH.values(month))
        self._weekdays = sorted(_WEEKDAY.values(weekday))

    @property
    def ticks_within_every_minute(self) -> bool:
        """Tell whether it fires in every minute, and more than once in it."""
        given = (self._minutes, self._hours, self._days, self._months, self._weekdays)
        fields = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)
        every_minute = all(
            len(values) == field.size for values, field in zip(given, fields, strict=True)
        )
        return every_minute and len(self._seconds) > 1

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after a moment on the wall clock, or `NEVER`."""
        of_day = self._time_after(moment.time())
        if of_day is not None and self._matches(moment.date()):
            return datetime.combine(moment.date(), of_day)
        day = self._day_after(moment.date())
        first = time(self._hours[0], self._minutes[0], self._seconds[0])
        return NEVER if day is None else datetime.combine(day, first)

    def _time_after(self, moment: time) -> time | None:
        now = (moment.hour, moment.minute, moment.second)
        return next(
            (
                time(hour, minute, second)
                for hour in self._hours
                if hour >= now[0]
                for minute in self._minutes
                if (hour, minute) >= now[:2]
                for second in self._seconds
                if (hour, minute, second) > now
            ),
            None,
        )

    def _matches(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return day.month in self._months and day.day in self._days and weekday in self._weekdays

    def _day_after(self, day: date) -> date | None:
        for year in range(day.year, min(day.year + _CYCLE_YEARS, date.max.year) + 1):
            for month in self._months:
                for number in self._days:
                    if (year, month, number) > (day.year, day.month, day.day):
                        found = _date(year, month, number)
                        if found is not None and self._matches(found):
                            return found
        return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _has_interval(fields: list[str]) -> bool:
    return any(_INTERVAL & set(field) for field in fields)
