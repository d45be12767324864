"""Whether an item's parameters fit what Linux takes as arguments and environment of a program."""

import json
from collections.abc import Iterable, Mapping

from pipeline.domain.notation.placeholders import as_text, names_in
from pipeline.domain.plans.split import PlanError, Scalar

# Linux takes 128 KiB for one argument or variable, with the NUL that ends it.
LONGEST = 128 * 1024 - 1
VARIABLE = "FANFARE_PARAMETERS="
LONGEST_PARAMETERS = LONGEST - len(VARIABLE)
# Linux gives arguments and environment a quarter of the stack together: mostly 2 MiB.
ALL_TOGETHER = 1 << 20
_SHORT = 8 * 1024


def check_arguments(
    item: int, parameters: Mapping[str, Scalar], arguments: Iterable[str], remedy: str
) -> None:
    """Raise PlanError if a program with this argument list could not be started for the item."""
    written = json.dumps(parameters, ensure_ascii=False).encode()
    if len(written) <= _SHORT:
        return
    _check(f"item {item}: its parameters as JSON", len(written), LONGEST_PARAMETERS, remedy)
    sizes = {name: len(as_text(value).encode()) for name, value in parameters.items()}
    total = len(written)
    for argument in arguments:
        filled = [name for name in names_in(argument) if name in sizes]
        size = len(argument.encode()) + sum(sizes[name] - len(name) - 2 for name in filled)
        _check(f"item {item}: the argument {argument[:60]!r}", size, LONGEST, remedy)
        total += size
    _check(f"item {item}: all arguments together", total, ALL_TOGETHER, remedy)


def _check(what: str, size: int, limit: int, remedy: str) -> None:
    if size > limit:
        raise PlanError(f"{what} would have {size:,} bytes; Linux takes {limit:,}: {remedy}")
