"""Runs a program of this folder: `main.py tile` or `main.py composite`."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.render import composite, tile
else:  # on a node the files are in one folder
    import composite
    import tile

_PROGRAMS = {"tile": tile.main, "composite": composite.main}


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the program that the first argument names, with the others."""
    if not argv or argv[0] not in _PROGRAMS:
        sys.stderr.write(f"Name a program: {', '.join(_PROGRAMS)}.\n")
        return 2
    return _PROGRAMS[argv[0]](argv[1:], environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
