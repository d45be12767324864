"""Prints its secrets in many ways, and writes their digests; the second item fails with one.

Argument: the output folder.
"""

import base64
import hashlib
import os
import sys
from pathlib import Path

token, key = os.environ["TOKEN"], Path(os.environ["KEY"])
print(token, flush=True)
print(base64.b64encode(f"user:{token}".encode()).decode(), key.read_text(), file=sys.stderr)
if os.environ["FANFARE_ITEM"] == "1":
    raise ValueError({"token": token})
digests = [hashlib.sha256(value).hexdigest() for value in (token.encode(), key.read_bytes())]
digests.append(f"{key.stat().st_mode & 0o777:o}")
Path(sys.argv[1], "digests.txt").write_text(" ".join(digests) + "\n", encoding="utf-8")
