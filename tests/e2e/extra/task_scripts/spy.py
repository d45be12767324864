"""Looks for all that its user can reach on the node, and tells what of it is not its own.

Arguments: the output folder, a folder that holds all data of the stack, the working folder of a
neighbour, and a word that marks what is secret.
"""

import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PART = 1 << 20
NODE = os.environ["AZ_BATCH_NODE_ROOT_DIR"]
OWN = os.environ["AZ_BATCH_TASK_DIR"]


def main(argv: list[str]) -> int:
    output, data, neighbour, mark = argv
    secret = re.compile(rf"{mark}[a-z]+|sig=[A-Za-z0-9%+/=]+|AccountKey=[A-Za-z0-9+/=]+".encode())
    readable = list(files(data))
    told = {
        "user": os.getuid(),
        "node": NODE,
        "readable": readable,
        "writable": [path for path in folders(data) if os.access(path, os.W_OK)],
        "secrets": sorted(found(secret, [*readable, *processes()])),
        "broken": [name for name, attack in ATTACKS.items() if works(attack, Path(neighbour))],
    }
    Path(output, "told.json").write_text(json.dumps(told), encoding="utf-8")
    return 0


def files(data: str) -> Iterator[str]:
    """Name the files of others that can be read."""
    for folder in folders(data, "/dev/shm", "/var/tmp"):
        with contextlib.suppress(OSError):
            paths = [path for path in Path(folder).iterdir() if path.is_file()]
            yield from (str(path) for path in paths if os.access(path, os.R_OK))


def folders(*tops: str) -> Iterator[str]:
    """Name the folders of others, as far as they can be listed."""
    for top in (*tops, NODE):
        yield from (path for path, _, _ in os.walk(top) if not path.startswith(OWN))


def processes() -> Iterator[str]:
    """Name what the system tells of the processes of others."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid != os.getuid():
                yield from (f"{folder}/{name}" for name in ("environ", "cmdline", "maps"))


def found(secret: "re.Pattern[bytes]", paths: list[str]) -> set[str]:
    hits = set()
    for path in paths:
        with contextlib.suppress(OSError), Path(path).open("rb") as file:
            hits |= {f"{path}: {hit.decode()}" for hit in secret.findall(file.read(PART))}
    return hits


ATTACKS = {
    "list": lambda folder: list(folder.iterdir()),
    "read": lambda folder: (folder / "page.json").read_bytes(),
    "plant": lambda folder: (folder / "o-0000000000000000-0").touch(),
    "move": lambda folder: folder.rename(f"{folder}-away"),
    "replace": lambda folder: (folder / "in").symlink_to("/etc"),
    "open": lambda folder: folder.chmod(0o777),
    "look into": lambda folder: Path(f"/proc/{worker(folder)}/environ").read_bytes(),
    "enter": lambda folder: os.chdir(f"/proc/{worker(folder)}/cwd"),
    "stop": lambda folder: os.kill(worker(folder), signal.SIGTERM),
}


def worker(folder: Path) -> int:
    """Find a process that names a folder in its arguments; a task that has ended has none."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            named = os.fsencode(folder) in (process / "cmdline").read_bytes()
            if named and process.stat().st_uid != os.getuid():
                return int(process.name)
    raise ProcessLookupError(folder)


def works(attack, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        attack(folder)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
