"""Counts the words of the lines it is given: the example of the README, whole.

A program is given its arguments as the pipeline lists them; what it writes into its output folder
is the item's result.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Count the words of the first argument into a file in the second."""
    lines, output = argv
    (Path(output) / "words.json").write_text(json.dumps({"words": len(lines.split())}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
