"""An assembler program: writes the parts, in item order, into one file."""

import json
import pathlib
import sys

listing = pathlib.Path(sys.argv[1])
listed = json.loads(listing.read_text(encoding="utf-8"))
text = "".join((listing.parent / part["file"]).read_text(encoding="utf-8") for part in listed)
pathlib.Path(sys.argv[2], "joined.txt").write_text(text, encoding="utf-8")
