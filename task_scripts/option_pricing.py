"""Prices a European call by Monte Carlo over one range of paths.

Writes `moments.json`: count, mean and sum of squared deviations of the discounted payoff. These can
be merged exactly over ranges. The random numbers depend only on seed and index, never on the node.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

_BATCH = 1 << 18


class Contract(NamedTuple):
    """A European call under geometric Brownian motion; rates are per year, times in years."""

    spot: float
    strike: float
    rate: float
    sigma: float
    maturity: float


class Moments(NamedTuple):
    """Count, mean, and the sum of squared deviations from the mean."""

    n: int
    mean: float
    m2: float

    def merge(self, other: "Moments") -> "Moments":
        """Combine two samples as if they were one."""
        n = self.n + other.n
        if n == 0:
            return self
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / n
        return Moments(n, mean, self.m2 + other.m2 + delta * delta * self.n * other.n / n)


def simulate(contract: Contract, paths: int, seed: int, index: int) -> Moments:
    """Draw the discounted payoffs of a range, and return their moments; memory stays bounded."""
    sequence = np.random.SeedSequence(seed, spawn_key=(index,))
    generator = np.random.Generator(np.random.PCG64(sequence))
    total = Moments(0, 0.0, 0.0)
    for begun in range(0, paths, _BATCH):
        total = total.merge(_batch(contract, generator, min(_BATCH, paths - begun)))
    return total


def _batch(contract: Contract, generator: np.random.Generator, paths: int) -> Moments:
    drift = (contract.rate - contract.sigma**2 / 2) * contract.maturity
    spread = contract.sigma * math.sqrt(contract.maturity)
    final = contract.spot * np.exp(drift + spread * generator.standard_normal(paths))
    payoff = math.exp(-contract.rate * contract.maturity) * np.maximum(final - contract.strike, 0.0)
    mean = float(payoff.mean())
    return Moments(paths, mean, float(np.square(payoff - mean).sum()))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    for name in ("--start", "--end", "--index", "--seed"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--spot", "--strike", "--sigma", "--maturity"):
        parser.add_argument(name, type=_positive, required=True)
    parser.add_argument("--rate", type=_finite, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(argv)
    if arguments.end <= arguments.start or min(arguments.index, arguments.seed) < 0:
        parser.error("--end must be above --start, and --index and --seed must not be negative")
    return arguments


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Simulate the range and write its moments."""
    del environ
    asked = _arguments(argv)
    contract = Contract(asked.spot, asked.strike, asked.rate, asked.sigma, asked.maturity)
    moments = simulate(contract, asked.end - asked.start, asked.seed, asked.index)
    content = {"payoff": moments._asdict(), "paths": moments.n}
    (asked.output / "moments.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
