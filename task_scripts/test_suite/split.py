"""Deals the test files of an archive out to shards, and writes these as `items.json`."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.test_suite import balance, sources
else:  # on a node the files are in one folder
    import balance
    import sources


def shards_of(archive: Path, folder: Path, count: int) -> tuple[Path, list[list[str]]]:
    """Unpack an archive; return the root of its sources, and the files of each shard.

    Raises Unusable.
    """
    folder.mkdir()
    root = sources.unpack(archive, folder)
    files = balance.test_files(root)
    if not files:
        raise sources.Unusable("the archive has no test files (test_*.py or *_test.py)")
    return root, balance.dealt(balance.durations(root, files), count)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write items.json for the test files of an archive."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--archive", type=Path, required=True, help="a .zip or a .tar.gz")
    parser.add_argument("--shards", type=int, default=8, help="how many shards to make at most")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        _, shards = shards_of(asked.archive, Path("sources"), asked.shards)
    except sources.Unusable as error:
        sys.stderr.write(f"The archive was refused: {error}.\n")
        return 1
    items = [{"parameters": {"shard": number}} for number in range(len(shards))]
    (asked.output / "items.json").write_text(json.dumps(items), encoding="ascii")
    for number, files in enumerate(shards):
        sys.stdout.write(f"shard {number}: {len(files)} files\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
