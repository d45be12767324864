"""Writes its first argument in capitals into a file of the folder that is its second."""

import sys
from pathlib import Path

line, output = sys.argv[1:]
Path(output, "line.txt").write_text(line.upper() + "\n", "utf-8")
