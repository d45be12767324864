"""Writes a text in capitals, and where it ran."""

import os
import sys
from pathlib import Path

line, output = sys.argv[1:]
inside = "inside" if not Path("/etc/debian_version").exists() else "outside"
Path(output, "line.txt").write_text(f"{line.upper()} {inside} {os.environ['FANFARE_ITEM']}\n")
