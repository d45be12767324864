"""`make test-all`: what is too long or needs too much for `make test`, which has a little of each.

Every part runs, whatever became of those before it. A random failure can be run again alone: its
output has the seed or the steps.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

PYTEST = ("-m", "pytest", "-n", "auto", "--timeout", "3600")
console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Part:
    """What a part covers beyond `make test`, and the arguments of Python that run it."""

    name: str
    covers: str
    arguments: tuple[str, ...]


PARTS = (
    Part(
        "properties",
        "every property test with 2,000 new examples, and a million items",
        (*PYTEST, "tests/unit/domain", "tests/emulators/batch/query"),
    ),
    Part(
        "stories",
        "ten times as many and longer stories of the state machines, new ones each time",
        (*PYTEST, "tests/crash/test_state_machine.py", "tests/emulators/batch/lives"),
    ),
    Part(
        "crash matrix",
        "every call of every story crashed before, crashed after, made twice, and gone on late",
        (*PYTEST, "tests/crash/test_matrix.py", "tests/crash/test_zombies.py"),
    ),
    Part(
        "fuzzing",
        "new requests: a hundred for each operation of Batch, a thousand for each of the app",
        (*PYTEST, "tests/emulators/batch/wire/test_fuzz.py", "tests/e2e/interface"),
    ),
    Part(
        "containers",
        "container tasks through Podman and through Docker, and shipped pipelines in images",
        (*PYTEST, "tests/emulators/batch/containers", "tests/e2e/tasks"),
    ),
    Part(
        "workflows",
        "DAGs of Apache Airflow and commands of `az batch`, unmodified, on the Batch emulator",
        (*PYTEST, "tests/emulators/batch/workflows"),
    ),
    Part(
        "stack image",
        "the local stack, and Batch alone, in containers: built on Debian, used as their pages say",
        (
            *PYTEST,
            "tests/e2e/projects/test_stack_image.py",
            "tests/e2e/projects/test_batch_image.py",
        ),
    ),
    Part(
        "videos",
        "the packets of all test videos against their frames, and hundreds of damaged ones",
        (*PYTEST, "tests/media"),
    ),
    Part(
        "seeds",
        "end to end with further seeds of the awkward profile, and kills under each",
        (*PYTEST, "tests/e2e/awkward"),
    ),
    Part(
        "learning",
        "faces and networks: their programs, and whole runs that beat or meet a truth",
        (
            "-m",
            "pytest",
            "--timeout",
            "3600",
            "tests/workloads",
            "tests/e2e/tasks/test_learning.py",
        ),
    ),
    Part(
        "campaign",
        "50 rounds under load, in each of which a random service is killed or hangs",
        ("-m", "pytest", "-s", "--timeout", "3600", "tests/campaign"),
    ),
    Part(
        "upgrades",
        "an upgrade from release 0.1.0 and a rollback to it while runs go, beside `make test`'s",
        (*PYTEST, "tests/e2e/upgrading"),
    ),
    Part(
        "faults",
        "every fault of the stack, its remedy carried out, and `az` commands by the parser of az",
        (*PYTEST, "tests/faults", "tests/e2e/test_cli.py"),
    ),
    Part(
        "benchmarks",
        "all benchmarks run to their end; that of Batch in a tenth of its size, of one workload",
        ("-c", "from scripts.test_all import benchmarks; benchmarks()"),
    ),
)


def benchmarks() -> None:
    """Run the benchmarks; their figures are on the terminal."""
    sizes = ("--tasks", "10000", "--processes", "100", "--simulated", "100000", "--nodes", "200")
    few = ("--rounds", "1", "--starts", "1", "word-count")
    for command in (
        ("-m", "benchmarks.batch", *sizes),
        ("-m", "benchmarks.workloads", *few),
        ("-m", "benchmarks.scale"),
        ("-m", "benchmarks"),
    ):
        subprocess.run([sys.executable, *command], check=True)


def run(part: Part) -> tuple[bool, float]:
    """Run a part; return whether it went well and how many seconds it took."""
    console.rule(f"{part.name}: {part.covers}")
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, *part.arguments],
        env={**os.environ, "FANFARE_TESTS": "all"},
        check=False,
    )
    return ended.returncode == 0, time.monotonic() - began


def main() -> None:
    """Run the parts that were named, or all; tell how long each took."""
    wanted = [part for part in PARTS if not sys.argv[1:] or part.name in sys.argv[1:]]
    table = Table("part", "covers, beyond `make test`", "seconds", "", box=None)
    failed = False
    for part in wanted:
        well, seconds = run(part)
        failed |= not well
        table.add_row(part.name, part.covers, f"{seconds:.0f}", "passed" if well else "FAILED")
    console.print(table)
    sys.exit(failed)


if __name__ == "__main__":
    main()
