"""`python -m emulators.batch.autoscale`: shows what a formula would do; it needs no pool."""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from emulators.batch.autoscale.dialect import Dialect, read_dialect
from emulators.batch.autoscale.evaluate import Situation, evaluate
from emulators.batch.autoscale.functions import parse_time
from emulators.batch.autoscale.grammar import FormulaSyntaxError, FormulaTooLong, parse
from emulators.batch.autoscale.names import OPTIONS, PLAIN
from emulators.batch.autoscale.record import run_record
from emulators.batch.autoscale.samples import Samples
from emulators.batch.autoscale.values import FormulaError, written

_EPILOG = """The samples are objects with a time and variables, in any order; the newest up to
the moment of the evaluation is also the present:
  [{"time": "2030-01-02T03:03:30Z", "$PendingTasks": 7, "$TaskSlotsPerNode": 4}, ...]
As in the service they are published late: --dialect sample_delay_s=0 shows them all.
Prints the run record; exit status 1 when it has an error, 2 when it cannot begin."""


def main(argv: list[str]) -> int:
    """Evaluate a formula and print its run record; return 1 if the run has an error, 2 if it cannot
    begin."""
    given = _parser().parse_args(argv)
    try:
        now = parse_time(given.time) if given.time else datetime.now(UTC)
        dialect = read_dialect(given.dialect)
        samples, latest = _read_samples(given.samples, dialect, now)
        statements = parse(given.formula.read_text("utf-8"), exponents=dialect.exponents)
    except (FormulaSyntaxError, FormulaTooLong) as error:
        print(json.dumps({"code": error.code, "message": str(error)}, indent=2), file=sys.stderr)
        return 2
    except (FormulaError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    situation = Situation(
        now,
        samples,
        plain={name: latest[name] for name in PLAIN if name in latest},
        live=latest,
        dedicated=given.dedicated,
        spot=given.spot,
        option=given.option,
        dialect=dialect,
    )
    outcome = evaluate(statements, situation)
    print(json.dumps(run_record(outcome, written(now)), indent=2))
    return 1 if outcome.error_code else 0


def _read_samples(
    path: Path | None, dialect: Dialect, now: datetime
) -> tuple[Samples, Mapping[str, float]]:
    """Return the samples of a file up to now, and the values of the newest one."""
    samples = Samples.under(dialect)
    latest: Mapping[str, float] = {}
    for at, metrics in _rows(path) if path else ():
        if not all(map(math.isfinite, metrics.values())):
            raise ValueError(f"{path}: the sample of {written(at)} is not finite")
        if at <= now:
            samples.record(at, metrics)
            latest = metrics
    return samples, latest


def _rows(path: Path) -> list[tuple[datetime, Mapping[str, float]]]:
    try:
        rows = [
            (parse_time(row.pop("time")), {name: float(one) for name, one in row.items()})
            for row in json.loads(path.read_text("utf-8"))
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: each sample is {{"time": ..., "$Name": number}}') from error
    return sorted(rows, key=lambda row: row[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.batch.autoscale",
        description="Evaluate an autoscale formula as the Batch service does, without a service.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("formula", type=Path, help="file with the formula")
    parser.add_argument("--samples", type=Path, help="JSON list of {time, $Name: number}")
    parser.add_argument("--time", default="", help="moment of the evaluation; by default now")
    parser.add_argument("--dedicated", type=int, default=0, help="the pool's present target")
    parser.add_argument("--spot", type=int, default=0, help="the same for spot nodes")
    parser.add_argument("--option", choices=OPTIONS, default="requeue", help="its present option")
    parser.add_argument("--dialect", default="", help="as --autoscale-dialect of the emulator")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
