"""Runs pytest on the files of one shard, and writes its report as `junit.xml`.

Tests that fail are a result: this program fails only if pytest itself did not work. The tests are
code of a stranger; what bounds them is the task they run in.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.test_suite import sources
    from task_scripts.test_suite.split import shards_of
else:  # on a node the files are in one folder
    import sources
    from split import shards_of

_FAILED, _NOTHING = 1, 5
_MEANINGS = {2: "it was interrupted", 3: "it had an internal error", 4: "its options are wrong"}
_EMPTY = '<?xml version="1.0" encoding="utf-8"?>\n<testsuites/>\n'
_SECRET = ("AZ_BATCH_", "FANFARE_")


def carry_out(root: Path, files: Sequence[str], report: Path, environ: Mapping[str, str]) -> None:
    """Run pytest on files below a root. Raises Unusable unless it came to its end."""
    options = ["-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    options += ["--continue-on-collection-errors", "--color=no", "--rootdir=."]
    clean = {name: value for name, value in environ.items() if not name.startswith(_SECRET)}
    command = [sys.executable, "-m", "pytest", *options, "--", *files]
    code = subprocess.run(
        command, cwd=root, env={**clean, "PYTHONDONTWRITEBYTECODE": "1"}, check=False,
        stdin=subprocess.DEVNULL,
    ).returncode  # fmt: skip
    if code < 0:
        raise sources.Unusable(f"pytest was ended by signal {-code}")
    if code == _NOTHING:
        report.write_text(_EMPTY, encoding="utf-8")  # files without tests are no failure
    elif code not in {0, _FAILED} or not report.is_file():
        meaning = _MEANINGS.get(code, "it wrote no report")
        raise sources.Unusable(f"pytest exited with {code}: {meaning}; its words are above")


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one shard, and write its report."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--archive", type=Path, required=True, help="a .zip or a .tar.gz")
    parser.add_argument("--shard", type=int, required=True, help="the number of the shard")
    parser.add_argument("--shards", type=int, required=True, help="how many shards there are")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        root, shards = shards_of(asked.archive, Path("sources"), asked.shards)
        if not 0 <= asked.shard < len(shards):
            parser.error(f"--shard has to be below {len(shards)}")
        report = (asked.output / "junit.xml").absolute()
        carry_out(root, shards[asked.shard], report, environ)
    except sources.Unusable as error:
        sys.stderr.write(f"Shard {asked.shard} was not tested: {error}.\n")
        return 1
    finally:
        sources.remove(Path("sources"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
