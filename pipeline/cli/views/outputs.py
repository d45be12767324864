"""How outputs on disk look: what was fetched, and how files agree with their manifest."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from pipeline.cli.views import wording
from pipeline.domain.outputs.agreement import Agreement, Judgement
from pipeline.domain.runs.manifest import Manifest

_SHOWN = 50
_COLOURS = {Agreement.MISSING: "red", Agreement.CHANGED: "red"}


def judgements(manifest: Manifest, found: Sequence[Judgement]) -> RenderableType:
    """Draw the files that do not agree, at most 50 of them, below how many there are of each."""
    counted = Counter(one.agreement for one in found)
    numbers = ", ".join(f"{counted[kind]:,} {kind}" for kind in Agreement if counted[kind])
    whose = f"{manifest.run}, generation {manifest.generation}"
    bad = [one for one in found if one.agreement is not Agreement.OK]
    head = Text(f"{numbers or 'no file'}: the output of {whose}", "yellow" if bad else "green")
    rest = len(bad) - _SHOWN
    more = [Text(f"and {wording.count(rest, 'more file')}: --json has all", "dim")] * (rest > 0)
    return Group(head, *map(_line, bad[:_SHOWN]), *more)


def _line(one: Judgement) -> Text:
    why = f" ({one.why})" if one.why else ""
    colour = _COLOURS.get(one.agreement, "yellow")
    return Text.assemble((f"{one.agreement:<8}", colour), wording.one_line(one.name), why)
