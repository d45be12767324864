"""A program for each stage of a pipeline; the stage that the input names waits for its gate.

The input has the stage, the path of the gate, and a word for each item.
"""

import json
import sys
import time
from pathlib import Path


def main(argv: list[str]) -> int:
    stage, source, folder = argv
    _STAGES[stage](source, Path(folder))
    return 0


def plan(source: str, folder: Path) -> None:
    stage, gate, *words = Path(source).read_text("utf-8").split()
    _wait("planning", stage, Path(gate))
    items = [{"parameters": {"line": json.dumps([stage, gate, word])}} for word in words]
    (folder / "items.json").write_text(json.dumps(items), "utf-8")


def run(source: str, folder: Path) -> None:
    stage, gate, word = json.loads(source)
    _wait("running", stage, Path(gate))
    with Path(f"{gate}.done").open("a", encoding="utf-8") as done:
        done.write(f"{word}\n")
    (folder / "part.json").write_text(source, "utf-8")


def assemble(source: str, folder: Path) -> None:
    listing = Path(source)
    files = [listing.parent / part["file"] for part in json.loads(listing.read_text("utf-8"))]
    parts = [json.loads(file.read_text("utf-8")) for file in files]
    _wait("assembling", parts[0][0], Path(parts[0][1]))
    (folder / "all.txt").write_text(" ".join(word for _, _, word in parts), "utf-8")


def _wait(here: str, stage: str, gate: Path) -> None:
    if here == stage:
        Path(f"{gate}.held").touch()
        while not gate.exists():
            time.sleep(0.05)


_STAGES = {"planning": plan, "running": run, "assembling": assemble}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
