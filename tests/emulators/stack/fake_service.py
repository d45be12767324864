"""A service that is ready at once, answers nothing, and reports how it was started."""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--data", type=Path)
arguments, rest = parser.parse_known_args()
arguments.data.mkdir(parents=True, exist_ok=True)
name = arguments.data.name
folder = arguments.data.parent
with (folder / "events").open("a") as events:
    events.write(f"start {name}\n")


def leave(*_):
    with (folder / "events").open("a") as events:
        events.write(f"stop {name}\n")
    sys.exit(0)


if (arguments.data / "refuse").exists():
    sys.exit(f"{name}: my data is damaged; delete it.")
signal.signal(signal.SIGTERM, leave)
endpoint = f"http://127.0.0.1:{arguments.port}"
more = (
    {"connection_string": "AccountKey=x", "outbox": "o", "blob": endpoint + "/fanfare"}
    if name == "storage"
    else {}
)
print(
    json.dumps(
        {"service": name, "endpoint": endpoint, "pid": os.getpid(), "arguments": rest, **more}
    ),
    flush=True,
)
print("and then it talks on", flush=True)
while True:
    time.sleep(60)
