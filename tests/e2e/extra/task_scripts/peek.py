"""Reads four bytes of an input by its URL, and tries to write it."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

at = 4 * int(os.environ["FANFARE_ITEM"])
url = os.environ["FANFARE_INPUT_URL"]
ranged = urllib.request.Request(url, headers={"Range": f"bytes={at}-{at + 3}"})
with urllib.request.urlopen(ranged) as answer:
    read = answer.read().decode()
writing = urllib.request.Request(url, b"mine", {"x-ms-blob-type": "BlockBlob"}, method="PUT")
try:
    urllib.request.urlopen(writing).close()
    written = "written"
except urllib.error.HTTPError as error:
    written = str(error.code)
Path(sys.argv[1], "peek.txt").write_text(
    f"{read} {written} {os.environ['FANFARE_INPUT'] or 'no file'}\n"
)
