"""`python -m emulators.batch.autoscale`: what a formula would do, without any pool."""

import argparse
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

from emulators.batch.autoscale.dialect import read_dialect
from emulators.batch.autoscale.evaluate import Situation, evaluate
from emulators.batch.autoscale.functions import parse_time
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.record import run_record
from emulators.batch.autoscale.samples import Samples
from emulators.batch.autoscale.values import FormulaError, written


def main(argv: list[str]) -> int:
    """Evaluate a formula and print its run record; 1 when the run has an error, 2 when it cannot
    begin."""
    given = _parser().parse_args(argv)
    try:
        now = parse_time(given.time) if given.time else datetime.now(UTC)
        situation = Situation(
            now,
            _read_samples(given.samples) if given.samples else Samples(),
            dedicated=given.dedicated,
            spot=given.spot,
            dialect=read_dialect(given.dialect),
        )
        outcome = evaluate(parse(given.formula.read_text(encoding="utf-8")), situation)
    except (FormulaError, FormulaSyntaxError, FormulaTooLong, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(run_record(outcome, written(now)), indent=2))
    return 1 if outcome.error_code else 0


def _read_samples(path: Path) -> Samples:
    """Read `[{"time": "2030-01-02T03:04:00Z", "$PendingTasks": 3}, ...]`, in any order."""
    try:
        rows = [
            (parse_time(row.pop("time")), {name: float(one) for name, one in row.items()})
            for row in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: each sample is {{"time": ..., "$Name": number}}') from error
    samples = Samples()
    for at, metrics in sorted(rows, key=lambda row: row[0]):
        if not all(map(math.isfinite, metrics.values())):
            raise ValueError(f"{path}: the sample of {written(at)} is not finite")
        samples.record(at, metrics)
    return samples


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulators.batch.autoscale")
    parser.add_argument("formula", type=Path, help="file with the formula")
    parser.add_argument("--samples", type=Path, help="JSON list of {time, $Name: number}")
    parser.add_argument("--time", default="", help="moment of the evaluation; by default now")
    parser.add_argument("--dedicated", type=int, default=0, help="the pool's present target")
    parser.add_argument("--spot", type=int, default=0, help="the same for spot nodes")
    parser.add_argument("--dialect", default="", help="as --autoscale-dialect of the emulator")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
