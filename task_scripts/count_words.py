"""Counts the words of its first argument: the complete program of the README's example.

A program gets the arguments that the pipeline lists. The files that it writes into its output
folder are the item's result.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> int:
    """Count the words of the first argument, and write the number into the second, a folder."""
    lines, output = argv
    (Path(output) / "words.json").write_text(json.dumps({"words": len(lines.split())}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
