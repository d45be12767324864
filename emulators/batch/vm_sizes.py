"""Tells the cores and the processor of a VM size from its name; the oldest sizes are listed."""

import re
from collections.abc import Mapping
from functools import lru_cache

# The naming convention: family, number of vCPUs, perhaps a constrained number, features, version.
_NAME = re.compile(r"^(?:standard|basic)_[a-z]+(\d+)(?:-(\d+))?", re.IGNORECASE)
# D and Dv2, with or without premium storage, number their sizes instead.
_NUMBERED = re.compile(r"^standard_ds?(\d+)(?:-(\d+))?(?:_v2)?(?:_promo)?$", re.IGNORECASE)
_ARM = re.compile(r"^standard_[a-z]+\d+(?:-\d+)?[a-oq-z]*p", re.IGNORECASE)
_CORES: Mapping[int, int] = {
    1: 1,
    2: 2,
    3: 4,
    4: 8,
    5: 16,
    11: 2,
    12: 4,
    13: 8,
    14: 16,
    15: 20,
}


def cores_of(vm_size: str) -> int:
    """Return the cores of a VM size; a size with an unknown name counts as one core."""
    return told_cores(vm_size) or 1


def processor_of(vm_size: str) -> str:
    """Return the processor of a VM size, as images name it; the feature `p` is Arm."""
    return "arm64" if _ARM.match(vm_size) else "amd64"


@lru_cache(maxsize=256)
def told_cores(vm_size: str) -> int | None:
    """Return the cores that the name of a VM size tells, or None."""
    numbered = _NUMBERED.match(vm_size)
    if numbered and int(numbered[1]) in _CORES:
        return int(numbered[2] or _CORES[int(numbered[1])])
    named = _NAME.match(vm_size)
    return max(1, int(named[2] or named[1])) if named else None
