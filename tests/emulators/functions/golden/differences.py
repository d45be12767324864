"""Where this host differs from the recordings, and why. The host's README holds this table."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """Cases with one reason. Those that are not replayed have no counterpart here."""

    ids: tuple[str, ...]
    reason: str
    replayed: bool = True

    def covers(self, case: str) -> bool:
        return any(fnmatchcase(case, pattern) for pattern in self.ids)


DIFFERENCES: tuple[Difference, ...] = ()


def difference_of(case: str) -> Difference | None:
    return next((found for found in DIFFERENCES if found.covers(case)), None)
