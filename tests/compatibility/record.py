"""Keeps the present release's worlds for later releases.

    python -m tests.compatibility.record 0.2.0

Run it once, when a release is made; `test_releases.py` then continues from them in later releases.
"""

import gzip
import json
import sys
from pathlib import Path

from tests.compatibility.defaults import defaults
from tests.compatibility.moments import STORIES, carried_on, chosen, outcome
from tests.compatibility.worlds import restore, store

FOLDER = Path(__file__).parent / "releases"


def record(release: str) -> None:
    """Write every moment of every story, each with its outcome in this release."""
    kept: dict[str, object] = {}
    for story in STORIES:
        for title, world in chosen(story):
            stored = store(world)
            app = carried_on(restore(json.loads(json.dumps(stored))))
            app.settle()
            kept[title] = {"world": stored, "outcome": outcome(app)}
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    # A fixed time, so that the same worlds give the same bytes.
    (FOLDER / f"{release}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    (FOLDER / f"{release}-defaults.json").write_text(
        json.dumps(defaults(), indent=1) + "\n", "utf-8"
    )
    print(f"{len(kept)} moments of release {release}")


if __name__ == "__main__":
    record(*sys.argv[1:])
