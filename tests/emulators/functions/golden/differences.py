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


DIFFERENCES = (
    Difference(
        ("dst-051",),
        "After a point of time that Azure ran twice in a repeated hour, Azure runs the next one "
        "twice too; this host skips its second pass, as `dstlive-04` does.",
    ),
    Difference(
        ("live-002",),
        "A Python function has no cancellation token, so a stop cannot ask it to end.",
        replayed=False,
    ),
    Difference(
        ("live-details",),
        "Log lines are this host's own.",
        replayed=False,
    ),
    Difference(
        ("iv-max",),
        "Azure waits up to 24 days at once; this host looks at the clock every 30 s.",
        replayed=False,
    ),
    Difference(
        ("store-5.1",),
        "The status of a timer, with the same content, is a file below `--data` instead of a "
        "blob, and its lock is a file lock.",
        replayed=False,
    ),
    Difference(
        ("class-0[1-4]", "class-06", "class-09", "class-10", "class-1[4-6]", "class-19",
         "class-2[0-2]", "class-2[5-9]", "class-31"),
        "Schedules of .NET classes; a Python function has an expression.",
        replayed=False,
    ),
    Difference(
        ("none-nested-xml-*", "none-control-ref-*", "none-64k+1-*"),
        "Storage refuses to take these messages; no host sees them.",
        replayed=False,
    ),
    Difference(
        ("bind-poco*", "bind-jobject*", "out-outpoco", "out-outpoco-none", "out-outj",
         "out-outj-none", "out-collpoco", "out-collpoco-none", "out-collstr-null*",
         "wake-called-collpoco"),
        "A Python function gets and writes text or bytes, and no objects of .NET.",
        replayed=False,
    ),
    Difference(
        ("wake-collector-throws",),
        "A collector of .NET writes at once; what a Python function sets is sent after it "
        "returned, and not if it raised.",
        replayed=False,
    ),
    Difference(
        ("parallel-blocking-sync",),
        "The threads of a Python worker are its own.",
        replayed=False,
    ),
    Difference(
        ("stop-observing-token", "stop-observing-token-max1", "stop-token-then-return"),
        "A Python function has no cancellation token, so a stop only waits for it: for `--drain` "
        "seconds.",
        replayed=False,
    ),
    Difference(
        ("constants",),
        "Private fields of .NET objects.",
        replayed=False,
    ),
    Difference(
        ("eg-044",),
        "JSON with comments or trailing commas, which Event Grid never sends, is refused.",
    ),
    Difference(
        ("eg-059", "eg-06[0-2]", "eg-080", "eg-082", "eg-084", "eg-085", "eg-087", "eg-093",
         "eg-094"),
        "A Python function takes any object as its event: the host binds text, and Python's "
        "library asks for no member.",
    ),
    Difference(
        ("eg-126",),
        "CloudEvents are refused to a .NET function that binds to EventGridEvent; no Python "
        "function does.",
    ),
    Difference(
        ("eg-host",),
        "The host around the web hook is this one.",
        replayed=False,
    ),
    Difference(
        ("bg-*",),
        "Blob triggers are refused at the start, by name.",
        replayed=False,
    ),
    Difference(
        ("http-06[89]", "http-07[0-2]"),
        "The route constraint `datetime` is refused at the start, by name.",
    ),
    Difference(
        ("http-228", "http-230", "http-243"),
        "The server below this host answers 400 to a method in small letters, and to one that "
        "HTTP does not know.",
    ),
)  # fmt: skip


def difference_of(case: str) -> Difference | None:
    return next((found for found in DIFFERENCES if found.covers(case)), None)


def table() -> str:
    """Render the differences as the README of the host shows them."""
    rows = [
        f"| {', '.join(f'`{name}`' for name in found.ids)} | {found.reason} |"
        for found in DIFFERENCES
    ]
    return "\n".join(["| recorded cases | what differs |", "|---|---|", *rows, ""])
