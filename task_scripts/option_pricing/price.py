"""Simulates a range of paths for every contract.

Writes `moments.json`: for each contract count, mean and sum of squared deviations of the discounted
payoff. The contracts are a table, or one European call that the arguments describe.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.option_pricing import american, contracts, moments
    from task_scripts.option_pricing import paths as streams
else:  # on a node the files are in one folder
    import american
    import contracts
    import moments
    import paths as streams

if TYPE_CHECKING:
    Values = np.typing.NDArray[np.float64]

MOST_RANGES = 1_900  # what an assembler takes
ALONE = "call"  # the name of the contract that the arguments describe


def simulate(contract: contracts.Contract, start: int, end: int, seed: int) -> moments.Moments:
    """Return the moments of the discounted payoffs of a range of paths; memory stays bounded."""
    strategy = None
    if contract.kind == contracts.AMERICAN_PUT:
        strategy = american.strategy_for(contract, seed)
    total = moments.NOTHING
    for block, which in streams.pieces(start, end):
        if strategy is None:
            payoffs = _european(contract, streams.final(seed, block)[which])
        else:
            payoffs = strategy.payoffs(streams.steps(seed, block, american.DATES)[:, which])
        total = total.merge(moments.moments_of(payoffs))
    return total


def _european(contract: contracts.Contract, normals: "Values") -> "Values":
    drift = (contract.rate - contract.sigma**2 / 2) * contract.maturity
    spread = contract.sigma * math.sqrt(contract.maturity)
    final = contract.spot * np.exp(drift + spread * normals)
    sign = 1 if contract.kind == contracts.EUROPEAN_CALL else -1
    discount = math.exp(-contract.rate * contract.maturity)
    return discount * np.maximum(sign * (final - contract.strike), 0.0)


def add_contract(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that describe a European call."""
    parser.add_argument("--contracts", type=Path, help="a CSV; or else the arguments of a call:")
    for name in ("--spot", "--strike", "--rate", "--sigma", "--maturity"):
        parser.add_argument(name, type=float)
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")


def contracts_of(asked: argparse.Namespace, environ: Mapping[str, str]) -> list[contracts.Contract]:
    """Read the table, which is the run's input if it has one, or take the call. Raises Unusable."""
    table = asked.contracts or environ.get("FANFARE_INPUT")
    if table:
        return contracts.read(Path(table))
    numbers = [asked.spot, asked.strike, asked.rate, asked.sigma, asked.maturity]
    if None in numbers:
        raise contracts.Unusable("name a table, or all five numbers of a call")
    try:
        return [contracts.checked(ALONE, contracts.EUROPEAN_CALL, numbers)]
    except ValueError as error:
        raise contracts.Unusable(str(error)) from error


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add_contract(parser)
    for name in ("--start", "--end", "--seed"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--paths", "--paths-per-item"):
        parser.add_argument(name, type=int, default=1, help="of the whole run")
    asked = parser.parse_args(argv)
    if not 0 <= asked.start < asked.end or asked.seed < 0:
        parser.error("--end must be above --start, and --start and --seed must not be negative")
    if asked.paths > MOST_RANGES * asked.paths_per_item:
        least = -(-asked.paths // MOST_RANGES)
        parser.error(
            f"a run has at most {MOST_RANGES} items: set paths_per_item to {least} or more"
        )
    return asked


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Simulate the range and write its moments."""
    asked = _arguments(argv)
    try:
        wanted = contracts_of(asked, environ)
    except contracts.Unusable as error:
        sys.stderr.write(f"The contracts were refused: {error}.\n")
        return 1
    found = {one.name: simulate(one, asked.start, asked.end, asked.seed) for one in wanted}
    content = {name: made._asdict() for name, made in found.items()}
    (asked.output / "moments.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
