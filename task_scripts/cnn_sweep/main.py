"""Runs a program of this folder: `main.py split`, `main.py train` or `main.py judge`."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

_PROGRAMS = ("split", "train", "judge")


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the program that the first argument names, with the others."""
    if not argv or argv[0] not in _PROGRAMS:
        sys.stderr.write(f"Name a program: {', '.join(_PROGRAMS)}.\n")
        return 2
    package = f"{__package__}." if __package__ else ""
    code: int = import_module(f"{package}{argv[0]}").main(argv[1:], environ)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
