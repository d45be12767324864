"""Counts the words of a file: the complete program of the README's example.

A program gets the arguments that the pipeline lists. The files that it writes into its output
folder are the item's result.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Count the words of the first argument, a file; write the number into the second, a folder."""
    lines, output = argv
    words = len(Path(lines).read_text("utf-8").split())
    (Path(output) / "words.json").write_text(json.dumps({"words": words}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
