"""How golden tests look: a line for each case, what differs, and the sum."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from pipeline.domain.texts.visible import visible

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def line(name: str, seconds: float, *, passed: bool, updated: bool) -> Text:
    """Write how a case ended."""
    sign, colour = ("✔", "green") if passed else ("✘", "red")
    note = "  written anew" if updated else ""
    return Text.assemble((f"{sign} ", colour), name, (f"  {seconds:.2f} s{note}", "dim"))


def difference(file: str, why: str, lines: Iterable[str]) -> RenderableType:
    """Draw one thing that is not as expected."""
    head = Text(f"    {visible(file)} {why}" if file else f"    it {why}", "red")
    drawn = [Text(f"      {visible(one)}", _COLOURS.get(one[:1], "")) for one in lines]
    return Group(head, *drawn)


def where(commands: str) -> Text:
    """Write the commands that show the run of a case."""
    return Text(f"    to look at it: {commands}", "dim")


def total(passed: int, failed: int, seconds: float) -> Text:
    """Write how many cases passed and failed."""
    text = Text(f"{passed:,} passed", "green" if passed and not failed else "")
    if failed:
        text.append(f", {failed:,} failed", "red")
    return text.append(f" in {seconds:.1f} s", "dim")
