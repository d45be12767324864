"""Monte Carlo against the closed form and a tree, and divided paths against undivided ones."""

import csv
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from pipeline.cli.samples import contracts as samples
from task_scripts.option_pricing.chart import Point, drawn
from task_scripts.option_pricing.contracts import AMERICAN_PUT, Contract, Unusable, read
from task_scripts.option_pricing.moments import NOTHING, Moments, moments_of
from task_scripts.option_pricing.paths import BLOCK
from task_scripts.option_pricing.price import simulate
from task_scripts.option_pricing.reference import black_scholes, finite_differences
from tests.workloads.programs import Done, Program, Start, parts_of

CALL = Contract("c", "european-call", spot=100, strike=100, rate=0.05, sigma=0.2, maturity=1)
PUT = CALL._replace(name="p", kind="european-put", strike=110)
AMERICAN = CALL._replace(name="a", kind=AMERICAN_PUT)
NUMBERS = ("--spot", "100", "--strike", "100", "--rate=-0.01", "--sigma", "0.2", "--maturity", "1")


def call_by_the_textbook(contract: Contract) -> float:
    spread = contract.sigma * math.sqrt(contract.maturity)
    forward = contract.rate * contract.maturity
    d1 = (math.log(contract.spot / contract.strike) + forward) / spread + spread / 2
    normal = NormalDist().cdf
    return contract.spot * normal(d1) - contract.strike * math.exp(-forward) * normal(d1 - spread)


def american_put_by_a_tree(contract: Contract, steps: int) -> float:
    """Cox, Ross and Rubinstein: exercise at every step of a binomial tree."""
    step = contract.maturity / steps
    up = math.exp(contract.sigma * math.sqrt(step))
    rise = (math.exp(contract.rate * step) - 1 / up) / (up - 1 / up)
    shares = contract.spot * up ** np.arange(-steps, steps + 1, 2, dtype=float)
    value = np.maximum(contract.strike - shares, 0.0)
    for _ in range(steps):
        shares = shares[1:] / up
        held = (rise * value[1:] + (1 - rise) * value[:-1]) * math.exp(-contract.rate * step)
        value = np.maximum(held, contract.strike - shares)
    return float(value[0])


@pytest.mark.parametrize("contract", [CALL, PUT], ids=lambda one: one.kind)
def test_a_price_is_within_four_standard_errors_of_black_and_scholes(contract):
    found = simulate(contract, 0, 400_000, seed=42)
    assert abs(found.mean - black_scholes(contract)) < 4 * found.standard_error
    assert found.standard_error < 0.05


def test_the_closed_form_is_that_of_the_textbook_and_keeps_the_parity_of_call_and_put():
    assert black_scholes(CALL) == pytest.approx(call_by_the_textbook(CALL), rel=1e-12)
    assert black_scholes(CALL) == pytest.approx(10.450583572185565)
    forward = CALL.spot - PUT.strike * math.exp(-CALL.rate)
    call = black_scholes(CALL._replace(strike=PUT.strike))
    assert call - black_scholes(PUT) == pytest.approx(forward)


def test_finite_differences_agree_with_a_tree():
    assert finite_differences(AMERICAN, dates=500) == pytest.approx(
        american_put_by_a_tree(AMERICAN, 2000), rel=1e-3
    )


def test_without_interest_nobody_exercises_early():
    free = PUT._replace(rate=0.0)
    assert finite_differences(free) == pytest.approx(black_scholes(free), rel=1e-3)


@pytest.mark.parametrize("strike", [90, 100, 110])
def test_an_american_put_is_worth_what_finite_differences_say(strike):
    contract = AMERICAN._replace(strike=strike)
    found, right = simulate(contract, 0, 100_000, seed=42), finite_differences(contract)
    # A strategy that was learnt is never better than the best one, and here hardly worse.
    assert found.mean < right + 4 * found.standard_error
    assert found.mean > right * 0.985 - 4 * found.standard_error
    assert found.mean > black_scholes(contract._replace(kind="european-put"))


@pytest.mark.parametrize("contract", [CALL, AMERICAN], ids=lambda one: one.kind)
@pytest.mark.parametrize("step", [BLOCK, 1000, 7777, 30_000])
def test_the_answer_is_the_same_however_paths_are_divided(contract, step):
    paths = 30_000
    whole = simulate(contract, 0, paths, seed=3)
    pooled = NOTHING
    for start in range(0, paths, step):
        pooled = pooled.merge(simulate(contract, start, min(start + step, paths), seed=3))
    assert pooled.n == whole.n == paths
    assert pooled == pytest.approx(whole, rel=1e-12)


def test_another_seed_gives_other_paths():
    assert simulate(CALL, 0, 1000, seed=1) != simulate(CALL, 0, 1000, seed=2)


def test_merging_is_the_same_as_one_sample():
    values = np.random.default_rng(1).normal(5, 2, 1000)
    merged = moments_of(values[:10]).merge(moments_of(values[10:]))
    assert merged == pytest.approx(moments_of(values))
    assert Moments(0, 0.0, 0.0).merge(NOTHING) == NOTHING


@pytest.fixture
def pricing(program: Start) -> Program:
    return program("option_pricing")


def priced(pricing: Program, start: int, end: int, *given: object, **more: str) -> Done:
    paths = ("--start", start, "--end", end, "--seed", 1)
    return pricing("price", *given, *paths, "--output", "{output}", **more)


def reported(pricing: Program, done: list[Done], paths: int, *given: object, **more: str) -> Done:
    parts = parts_of(pricing.folder, done)
    return pricing(
        "report", *given, "--parts", parts, "--paths", paths, "--output", "{output}", **more
    )


def table(folder: Path, content: bytes) -> dict[str, str]:
    path = folder / "contracts.csv"
    path.write_bytes(content)
    return {"FANFARE_INPUT": str(path)}


def test_a_call_that_arguments_describe_has_the_moments_of_its_payoff(pricing):
    done = [priced(pricing, 0, 50, *NUMBERS), priced(pricing, 50, 90, *NUMBERS)]
    told = reported(pricing, done, 90, *NUMBERS).json("price.json")
    assert told["paths"] == told["payoff"]["n"] == 90
    assert set(told["payoff"]) == {"n", "mean", "m2", "variance", "standard_error"}


def test_a_table_becomes_a_table_and_a_chart(pricing):
    given = table(pricing.folder, samples.strikes())
    done = [priced(pricing, 0, 3000, **given), priced(pricing, 3000, 5000, **given)]
    report = reported(pricing, done, 5000, **given)
    assert report.json("price.json")["contracts"]["american-put-100"]["n"] == 5000
    with (report.output / "prices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert all(float(row["standard_error"]) > 0 for row in rows)
    chart = ET.parse(report.output / "prices.svg").getroot()
    assert len(chart.findall("{http://www.w3.org/2000/svg}circle")) == 15


def test_paths_that_are_missing_leave_no_report(pricing):
    report = reported(pricing, [priced(pricing, 0, 50, *NUMBERS)], 60, *NUMBERS)
    assert report.code == 1
    assert "60 paths were asked for, and 50 came" in report.said


def test_a_part_that_is_damaged_is_named(pricing):
    done = priced(pricing, 0, 50, *NUMBERS)
    (done.output / "moments.json").write_text(json.dumps({"call": {"n": 50}}))
    report = reported(pricing, [done], 50, *NUMBERS)
    assert report.code == 1
    assert "moments.json is damaged" in report.said


def test_more_items_than_an_assembler_takes_are_refused_with_the_remedy(pricing):
    done = priced(pricing, 0, 10, *NUMBERS, "--paths", 19_001, "--paths-per-item", 10)
    assert done.code == 2
    assert "set paths_per_item to 11 or more" in done.said


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,swap,100,100,0,0.2,1", "line 2: 'swap' is not one of european-call"),
        ("x,european-put,0,100,0,0.2,1", "line 2: spot has to be a number"),
        ("x,european-put,100,nan,0,0.2,1", "line 2: strike has to be a number"),
        ("x,european-put,100,100,0,much,1", "line 2: could not convert"),
        ("x,european-put,100,100,0,0.2", "line 2 has no 'maturity'"),
        ("=cmd,european-put,100,100,0,0.2,1", "line 2: a name has"),
        ("x,european-put,100,100,0,0.2,1\nx,european-put,1,1,0,0.2,1", "two contracts are called"),
        ("", "0 contracts"),
    ],
)
def test_a_contract_that_cannot_be_priced_is_refused_with_its_line(tmp_path, row, reason):
    path = tmp_path / "contracts.csv"
    path.write_text(f"name,kind,spot,strike,rate,sigma,maturity\n{row}\n")
    with pytest.raises(Unusable, match=reason):
        read(path)


def test_a_table_that_is_no_text_is_refused(pricing):
    done = priced(pricing, 0, 10, **table(pricing.folder, b"name\xff\xfe"))
    assert done.code == 1
    assert done.said.startswith("The contracts were refused: the table is not a CSV in UTF-8")


@pytest.mark.parametrize("wrong", ["--sigma=nan", "--rate=inf", "--spot=-1"])
def test_a_senseless_call_is_refused(pricing, wrong):
    done = priced(pricing, 0, 10, *NUMBERS, wrong)
    assert done.code == 1
    assert "has to be a number from" in done.said


def test_a_chart_of_one_contract_is_drawn():
    assert drawn([Point("european-call", 100, 10.4, math.nan, 10.5)]).count("<circle") == 1
