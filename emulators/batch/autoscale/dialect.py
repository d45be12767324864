"""The points of the language that the documentation leaves open, as named choices."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How formulas are read where the documentation is silent; the defaults are guesses."""

    lazy: bool = True  # `&&` and `||` leave the right side out where the left one decides
    strict: bool = False  # no operators beyond the documented table, no vector as a double
    negative_target: str = "zero"  # or "error"
    sunday: int = 7
    year_days: float = 364
    newest_first: bool = True  # order of GetSample
    sample_delay_s: float = 0.0  # how long formulas do not see a new sample


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _one_of(*allowed: str) -> Callable[[str], str]:
    return lambda text: allowed[allowed.index(text)]


def _within(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not least <= float(text) <= most:
            raise ValueError(text)
        return float(text)

    return read


_READ: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "lazy": ("true or false", _truth),
    "strict": ("true or false", _truth),
    "negative_target": ("zero or error", _one_of("zero", "error")),
    "sunday": ("0 or 7", lambda text: {"0": 0, "7": 7}[text]),
    "year_days": ("364 to 366", _within(364, 366)),
    "newest_first": ("true or false", _truth),
    "sample_delay_s": ("0 to 86400", _within(0, 86400)),
}


def read_dialect(text: str) -> Dialect:
    """Read `key=value,...`; raises ValueError that says what there is."""
    choices: dict[str, object] = {}
    for part in filter(None, text.split(",")):
        name, _, value = (one.strip() for one in part.partition("="))
        if name not in _READ:
            raise ValueError(f"{name!r} is no point of the dialect: {', '.join(_READ)}")
        allowed, read = _READ[name]
        try:
            choices[name] = read(value)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"{name} is {allowed}, not {value!r}") from error
    return dataclasses.replace(Dialect(), **choices)  # type: ignore[arg-type]  # read per name above
