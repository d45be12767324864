"""Monte Carlo against the closed form, and merged samples against one sample."""

import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from task_scripts.option_pricing import Contract, Moments, main, simulate

CONTRACT = Contract(spot=100, strike=100, rate=0.05, sigma=0.2, maturity=1)


def black_scholes(contract: Contract) -> float:
    spread = contract.sigma * math.sqrt(contract.maturity)
    forward = contract.rate * contract.maturity
    d1 = (math.log(contract.spot / contract.strike) + forward) / spread + spread / 2
    normal = NormalDist().cdf
    return contract.spot * normal(d1) - contract.strike * math.exp(-forward) * normal(d1 - spread)


def test_the_pooled_price_is_within_four_standard_errors_of_black_scholes() -> None:
    pooled = Moments(0, 0.0, 0.0)
    for index in range(4):
        pooled = pooled.merge(simulate(CONTRACT, 100_000, seed=42, index=index))
    error = math.sqrt(pooled.m2 / (pooled.n - 1) / pooled.n)
    assert abs(pooled.mean - black_scholes(CONTRACT)) < 4 * error
    assert error < 0.05


def test_merging_is_the_same_as_one_sample() -> None:
    values = np.random.default_rng(1).normal(5, 2, 1000)

    def moments(part: "np.typing.NDArray[np.float64]") -> Moments:
        return Moments(len(part), float(part.mean()), float(((part - part.mean()) ** 2).sum()))

    merged = moments(values[:10]).merge(moments(values[10:]))
    assert merged == pytest.approx(moments(values))


def test_ranges_differ_and_each_is_repeatable() -> None:
    first, again, other = (simulate(CONTRACT, 1000, 7, index) for index in (0, 0, 1))
    assert first == again != other


def run(output: Path, **changed: str) -> int:
    given = {"start": "0", "end": "50", "index": "0", "seed": "1", "spot": "100", "strike": "100"}
    given |= {"rate": "-0.01", "sigma": "0.2", "maturity": "1", "output": str(output)} | changed
    return main([part for name, value in given.items() for part in (f"--{name}", value)], {})


def test_the_moments_are_written_as_the_reducer_reads_them(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    written = json.loads((tmp_path / "moments.json").read_text())
    assert written["paths"] == written["payoff"]["n"] == 50
    assert set(written["payoff"]) == {"n", "mean", "m2"}


@pytest.mark.parametrize("wrong", [{"end": "0"}, {"sigma": "nan"}, {"rate": "inf"}, {"seed": "-1"}])
def test_a_senseless_contract_is_refused(
    tmp_path: Path, wrong: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, **wrong)
    assert "error:" in capsys.readouterr().err
