"""Pools the moments of all ranges and reports the prices.

Writes `prices.csv` and `prices.svg`: each contract's price, its standard error, and a price that
needs no chance. `price.json` has the pooled moments.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:
    from task_scripts.option_pricing import chart, contracts, moments, price
    from task_scripts.option_pricing import reference as references
else:  # on a node the files are in one folder
    import chart
    import contracts
    import moments
    import price
    import reference as references

_COLUMNS = ("name", "kind", "strike", "price", "standard_error", "reference", "standard_errors_off")


class Priced(NamedTuple):
    """A contract, what its paths gave, and what it costs without chance."""

    contract: contracts.Contract
    payoff: moments.Moments
    reference: float

    @property
    def off(self) -> float | None:
        """By how many standard errors the price is off; None where all paths gave the same."""
        error = self.payoff.standard_error
        return (self.payoff.mean - self.reference) / error if error > 0 else None


def pooled(listing: Path, names: Sequence[str], paths: int) -> dict[str, moments.Moments]:
    """Merge the moments of all parts, in the order of the items. Raises Unusable."""
    totals = dict.fromkeys(names, moments.NOTHING)
    for entry in json.loads(listing.read_bytes()):
        path = listing.absolute().parent / entry["file"]
        try:
            found = json.loads(path.read_bytes())
            parts = {name: moments.Moments(**found[name]) for name in names}
            totals = {name: totals[name].merge(parts[name]) for name in names}
        except (ValueError, TypeError, KeyError) as error:
            raise contracts.Unusable(f"{path.name} is damaged: {error!r}") from error
    counted = {total.n for total in totals.values()}
    if counted != {paths}:
        raise contracts.Unusable(f"{paths} paths were asked for, and {max(counted)} came")
    return totals


def write(output: Path, priced: Sequence[Priced], paths: int) -> None:
    """Write the table, the chart and the moments."""
    with (output / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_row(one) for one in priced)
    points = [
        chart.Point(
            one.contract.kind, one.contract.strike, one.payoff.mean, one.payoff.standard_error,
            one.reference,
        )
        for one in priced
    ]  # fmt: skip
    (output / "prices.svg").write_text(chart.drawn(points), encoding="utf-8")
    told = {one.contract.name: _told(one.payoff) for one in priced}
    content = {"contracts": told, "paths": paths}
    if len(priced) == 1:
        content["payoff"] = _told(priced[0].payoff)
    (output / "price.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _row(one: Priced) -> list[object]:
    contract, payoff = one.contract, one.payoff
    off = "" if one.off is None else f"{one.off:.2f}"
    numbers = [f"{value:.6f}" for value in (payoff.mean, payoff.standard_error, one.reference)]
    return [contract.name, contract.kind, f"{contract.strike:g}", *numbers, off]


def _told(payoff: moments.Moments) -> dict[str, object]:
    more = {"variance": payoff.variance, "standard_error": payoff.standard_error}
    return {**payoff._asdict(), **(more if payoff.n > 1 else dict.fromkeys(more))}


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the report. Fails unless every path was simulated once for each contract."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    price.add_contract(parser)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--paths", type=int, required=True, help="how many paths there are")
    asked = parser.parse_args(argv)
    try:
        wanted = price.contracts_of(asked, environ)
        totals = pooled(asked.parts, [one.name for one in wanted], asked.paths)
    except contracts.Unusable as error:
        sys.stderr.write(f"There is no report: {error}.\n")
        return 1
    priced = [Priced(one, totals[one.name], references.reference(one)) for one in wanted]
    write(asked.output, priced, asked.paths)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
