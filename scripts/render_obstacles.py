"""Renders the table of obstacles into docs/obstacles.md."""

from pathlib import Path

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.remedies import MEANINGS, Place

PATH = Path(__file__).resolve().parents[1] / "docs/obstacles.md"
BEGIN, END = "<!-- the table: `make render` -->", "<!-- end of the table -->"
NAMES = {name: name.upper() for name in ("run", "pipeline", "pool", "pool_id", "job")}
HERE, THERE = Place(local=True, **NAMES), Place(local=False, **NAMES)


def table() -> str:
    rows = ["| code | meaning | remedy here | remedy in Azure |", "| --- | --- | --- | --- |"]
    for code in ObstacleCode:
        meaning = MEANINGS[code]
        here, there = (meaning.remedy(place) or "wait" for place in (HERE, THERE))
        rows.append(f"| `{code}` | {meaning.text} | {here} | {there} |")
    return "\n".join(rows)


def rendered(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PATH.write_text(rendered(PATH.read_text("utf-8")), "utf-8")
