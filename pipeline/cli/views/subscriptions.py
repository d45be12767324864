"""How subscriptions are shown: who gets events, and which."""

from collections.abc import Mapping, Sequence
from typing import cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.views.wording import one_line

type Row = Mapping[str, object]


def table(rows: Sequence[Row]) -> RenderableType:
    """Draw one row for each subscription."""
    drawn = Table.grid(padding=(0, 3))
    for column in ("name", "events go to", "pipelines", "verdicts"):
        drawn.add_column(column, overflow="fold")
    drawn.add_row(*(Text(head, "dim") for head in ("name", "events go to", "pipelines", "how")))
    for row in rows:
        drawn.add_row(
            Text(one_line(str(row["name"]))),
            Text(one_line(str(row["target"]))),
            _all_or(row["pipelines"]),
            _all_or(row["verdicts"]),
        )
    return drawn


def printed(heads: Mapping[str, list[str]]) -> RenderableType:
    """Show texts to copy, each below a line that says what it is; their lines stay whole."""
    lines: list[Text] = []
    for head, texts in heads.items():
        lines.append(Text(f"# {head}", "dim"))
        lines += [Text(text, no_wrap=True, overflow="ignore") for text in texts]
    return Group(*lines)


def _all_or(words: object) -> Text:
    listed = cast("list[str]", words)
    return Text(one_line(", ".join(listed))) if listed else Text("all", "dim")
