"""What programs used of their machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time, and bytes from and to disks, including children that were waited for."""

    user_s: float = 0.0
    kernel_s: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.user_s + other.user_s,
            self.kernel_s + other.kernel_s,
            self.read_bytes + other.read_bytes,
            self.written_bytes + other.written_bytes,
        )


def total(known: Usage | None, more: Usage | None) -> Usage | None:
    """Add up the known values; return None if none is known."""
    return known + more if known is not None and more is not None else known or more
