"""Reads logs of tasks: what belongs to which item, and tracebacks that are there many times.

The runner writes a line above what each try of an item printed: `== item 3, try 1: …`.
"""

import re
from collections import Counter
from collections.abc import Sequence

_ENTRY = re.compile(r"^(?=== item \d+, try \d+: )", re.MULTILINE)
_FAILED = re.compile(r"== item \d+, try \d+: (?!succeeded)")
_TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):\n((?:[ \t].*\n)+)(\S.*)$", re.MULTILINE
)
_FOLDER = re.compile(r'(?<=File ")[^"\n]*/(?=[^"/\n]+")')


def failed_part(text: str) -> str:
    """Keep the items that did not succeed; a log without the runner's headings stays whole."""
    failed = [entry for entry in _ENTRY.split(text) if _FAILED.match(entry)]
    return "".join(failed) if failed else text


def part_of(text: str, item: int) -> str:
    """Keep the tries of one item; a log without the runner's headings stays whole."""
    entries = _ENTRY.split(text)
    head = f"== item {item}, try "
    wanted = [entry for entry in entries if entry.startswith(head)]
    return "".join(wanted) if len(entries) > 1 or wanted else text


def rest_of(text: str, item: int, seen: int) -> list[str]:
    """Return the lines of a log that come after the first `seen` ones of an item's last try.

    A log has a heading before what a try printed, and who saw a try begin does not know it.
    """
    entries = [entry for entry in _ENTRY.split(text) if entry]
    mine = [n for n, entry in enumerate(entries) if entry.startswith(f"== item {item}, try ")]
    if not mine:
        return []
    heading, *printed = entries[mine[-1]].splitlines()
    later = [line for entry in entries[mine[-1] + 1 :] for line in entry.splitlines()]
    return [*printed[seen:], heading, *later]


def folded(texts: Sequence[str]) -> list[str]:
    """Show a traceback that comes again only once, with its count; its last line always stays.

    Tracebacks are the same if they went the same way, whatever their last line says, and wherever
    the files lay on their nodes.
    """
    counted = Counter(_way(found) for text in texts for found in _TRACEBACK.finditer(text))
    numbers = {way: n for n, way in enumerate((w for w, c in counted.items() if c > 1), 1)}
    shown = set[str]()

    def once(found: re.Match[str]) -> str:
        way = _way(found)
        if way not in numbers:
            return found[0]
        if way in shown:
            return f"[traceback {numbers[way]}, as above] {found[2]}"
        shown.add(way)
        return f"{found[0]}\n[traceback {numbers[way]}: it came {counted[way]:,} times]"

    return [_TRACEBACK.sub(once, text) for text in texts]


def _way(found: re.Match[str]) -> str:
    return _FOLDER.sub("", found[1])
