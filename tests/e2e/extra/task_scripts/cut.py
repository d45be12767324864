"""A split program: one item for each word of the input."""

import json
import pathlib
import sys

words = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").split()
items = [{"parameters": {"line": f"ok {word}"}} for word in words]
pathlib.Path(sys.argv[2], "items.json").write_text(json.dumps(items), encoding="utf-8")
