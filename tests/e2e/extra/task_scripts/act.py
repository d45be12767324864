"""Does what its line says, so that one pipeline can misbehave in every way."""

import os
import pathlib
import signal
import sys
import time


def main(argv: list[str]) -> int:
    line, folder = argv
    action, _, rest = line.partition(" ")
    if action == "fail":
        print(f"this item fails: {rest}", file=sys.stderr)
        return 1
    if action == "hang":
        time.sleep(600)
    if action == "import":
        __import__(rest)
    if action == "flood":
        for _ in range(100):
            sys.stderr.write("x" * (1 << 20))
        return 1
    if action == "kill-parent":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    if action == "sleep":
        time.sleep(float(rest))
    if action == "wait":
        while not pathlib.Path(rest.split()[0]).exists():
            time.sleep(0.02)
    pathlib.Path(folder, "part.txt").write_text(line + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
