"""Renders the numbers of README.md, which are counted, not typed."""

import re
from pathlib import Path

from emulators.batch.wire.routes import ROUTES

PATH = Path(__file__).resolve().parents[1] / "README.md"


def rendered(text: str) -> str:
    done = sum(route.handler is not None for route in ROUTES)
    counted = f"<!-- operations -->{done} of {len(ROUTES)}<!-- end -->"
    return re.sub(r"<!-- operations -->.*?<!-- end -->", counted, text)


if __name__ == "__main__":
    PATH.write_text(rendered(PATH.read_text("utf-8")), "utf-8")
