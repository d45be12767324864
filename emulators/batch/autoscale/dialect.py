"""Every point of the language that the documentation leaves open, each as one value with a
default."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal


class DialectError(ValueError):
    """A setting of the dialect is unknown or has a wrong value."""


def _point[T](default: T, words: str, *takes: object) -> T:
    """Declare an open point; `takes` lists its values, or the least and the most of a number."""
    return dataclasses.field(default=default, metadata={"words": words, "takes": takes})


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """One reading of the language; the defaults are the readings that seem most likely."""

    lazy: bool = _point(True, "`&&` and `||` skip the right side if the left one decides")
    case_sensitive: bool = _point(True, "names differ by case")
    strict: bool = _point(False, "types exactly as documented: a vector never counts as a number")
    unequal_vectors: Literal["error", "shortest"] = _point(
        "error", "operators on vectors of unequal length", "error", "shortest"
    )
    division_by_zero: Literal["infinity", "error"] = _point(
        "infinity", "a number divided by zero; no target can be infinite", "infinity", "error"
    )
    negative_target: Literal["zero", "error"] = _point(
        "zero", "a target below zero", "zero", "error"
    )
    sunday: int = _point(7, "`.weekday` of a Sunday", 7, 0)
    year_days: float = _point(364, "length of `TimeInterval_Year` in days", 364, 366)
    exponents: bool = _point(True, "`1e3` is a number")
    quoted_option: bool = _point(True, '`$NodeDeallocationOption = "requeue"` is understood')
    percentile: Literal["linear", "lower", "nearest", "higher"] = _point(
        "linear", "the value between two elements", "linear", "lower", "nearest", "higher"
    )
    empty_vector: Literal["zero", "nan", "error"] = _point(
        "zero",
        "`avg`, `val`, `min`, `max`, `range`, `percentile` of an empty vector",
        "zero",
        "nan",
        "error",
    )
    newest_first: bool = _point(True, "`GetSample` begins with the newest sample")
    range_ends: Literal["start", "end", "both", "none"] = _point(
        "start",
        "which ends belong to a range of samples; the present moment always does",
        "start",
        "end",
        "both",
        "none",
    )
    cpu_scale: float = _point(100, "`$CPUPercent` of a pool with all slots in use", 1, 100)
    sample_delay_s: float = _point(60, "seconds until a sample is published", 0, 3600)
    sample_availability: float = _point(100, "percent of samples that are ever published", 0, 100)
    sample_retention_s: float = _point(86400, "seconds that samples are kept", 3600, 604800)
    samples_without_nodes: bool = _point(True, "a pool that never had a node has samples")
    live_samples: bool = _point(
        True, "a formula also sees a sample of the moment of its evaluation"
    )
    interval_format: Literal["clock", "iso"] = _point(
        "clock", "a timeinterval in results: `1.12:00:00` or `P1DT12H`", "clock", "iso"
    )
    extra_functions: bool = _point(True, "`ceil`, `floor`, `round`, `vec` exist")
    evaluates_at_enable: bool = _point(
        True, "enabling autoscale evaluates the formula at once, and not only an interval later"
    )


_POINTS: Mapping[str, dataclasses.Field[Any]] = {
    one.name: one for one in dataclasses.fields(Dialect)
}


def read_dialect(text: str) -> Dialect:
    """Read `key=value,...`; raises DialectError, which says what is wrong and what is allowed."""
    given: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        key, _, value = (one.strip() for one in part.partition("="))
        if key not in _POINTS:
            raise DialectError(f"{key!r} is not a setting of the dialect: {', '.join(_POINTS)}")
        given[key] = _read(_POINTS[key], value)
    return Dialect(**given)


def _read(point: dataclasses.Field[Any], text: str) -> Any:  # noqa: ANN401 - as the field says
    choices = choices_of(point)
    if choices:
        if text not in choices:
            raise DialectError(f"{point.name} is {' or '.join(choices)}, not {text!r}")
        return choices[text]
    least, most = point.metadata["takes"]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise DialectError(f"{point.name} is {least} to {most}, not {text!r}")
    return number


def choices_of(point: dataclasses.Field[Any]) -> dict[str, Any]:
    """Return the allowed values of a point with their meaning; the list is empty for a number."""
    if isinstance(point.default, bool):
        return {"true": True, "false": False}
    if isinstance(point.default, str) or point.name == "sunday":
        return {str(one): one for one in point.metadata["takes"]}
    return {}


def dialect_table() -> str:
    """Return all points as a Markdown table, with the default value first."""
    rows = ["| key | values, the default first | what is open |", "|---|---|---|"]
    for point in _POINTS.values():
        first = _shown(point.default)
        choices = [one for one in choices_of(point) if one != first]
        values = ", ".join(f"`{one}`" for one in (first, *choices))
        if not choices:
            values += " ({} to {})".format(*point.metadata["takes"])
        rows.append(
            f"| `{point.name}` | {values} | {point.metadata['words'].replace('|', '\\|')} |"
        )
    return "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
