"""Renders the tables of obstacles and of causes into docs/obstacles.md."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.endings import ENDINGS
from pipeline.domain.waiting.remedies import MEANINGS, Meaning, Place

PATH = Path(__file__).resolve().parents[1] / "docs/obstacles.md"
NAMES = {name: name.upper() for name in ("run", "pipeline", "pool", "pool_id", "job")}
HERE, THERE = Place(local=True, **NAMES), Place(local=False, **NAMES)


def table(first: str, meanings: Mapping[str, Meaning], otherwise: str) -> str:
    rows = [f"| {first} | meaning | remedy here | remedy in Azure |", "| --- | --- | --- | --- |"]
    for code, meaning in meanings.items():
        here, there = (meaning.remedy(place) or otherwise for place in (HERE, THERE))
        rows.append(f"| `{code}` | {meaning.text} | {here} | {there} |")
    return "\n".join(rows)


def rendered(text: str) -> str:
    for name, content in TABLES.items():
        begin, end = f"<!-- {name}: `make render` -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return text


TABLES = {
    "the obstacles": table("code", {code: MEANINGS[code] for code in ObstacleCode}, "wait"),
    "the causes": table("cause", {cause: ENDINGS[cause] for cause in Cause}, "nothing"),
}

if __name__ == "__main__":
    PATH.write_text(rendered(PATH.read_text("utf-8")), "utf-8")
