"""Prices that need no chance: the formula of Black and Scholes, and finite differences."""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.option_pricing.american import DATES
    from task_scripts.option_pricing.contracts import AMERICAN_PUT, EUROPEAN_CALL, Contract
else:  # on a node the files are in one folder
    from american import DATES
    from contracts import AMERICAN_PUT, EUROPEAN_CALL, Contract

if TYPE_CHECKING:
    Values = np.typing.NDArray[np.float64]

_NODES = 401  # of the grid of prices; odd, so that today's price is one
_WIDTH = 6.0  # standard deviations to each side
_STEPS = 4  # between two dates of exercise


def reference(contract: Contract) -> float:
    """Return the price of a contract without simulation."""
    if contract.kind == AMERICAN_PUT:
        return finite_differences(contract)
    return black_scholes(contract)


def black_scholes(contract: Contract) -> float:
    """Return the price of a European call or put in closed form."""
    spread = contract.sigma * math.sqrt(contract.maturity)
    forward = contract.rate * contract.maturity
    d1 = (math.log(contract.spot / contract.strike) + forward) / spread + spread / 2
    sign = 1 if contract.kind == EUROPEAN_CALL else -1
    normal = NormalDist().cdf
    share = contract.spot * normal(sign * d1)
    return sign * (share - contract.strike * math.exp(-forward) * normal(sign * (d1 - spread)))


def finite_differences(contract: Contract, dates: int = DATES) -> float:
    """Return the price of a put that can be exercised at equally distant dates.

    Crank-Nicolson on a grid of log prices. The first steps are implicit, since the payoff has a
    kink (Rannacher, 1984).
    """
    width = _WIDTH * contract.sigma * math.sqrt(contract.maturity)
    width += abs(contract.rate - contract.sigma**2 / 2) * contract.maturity
    places = np.linspace(-width, width, _NODES)
    gain = np.maximum(contract.strike - contract.spot * np.exp(places), 0.0)
    step = contract.maturity / dates / _STEPS
    operator = step * _generator(contract, float(places[1] - places[0]))
    one = np.eye(_NODES)
    implicit = np.linalg.inv(one - operator)
    middle = np.linalg.solve(one - operator / 2, one + operator / 2)
    value = np.linalg.matrix_power(implicit, _STEPS) @ gain
    between = np.linalg.matrix_power(middle, _STEPS)
    for _ in range(dates - 1):
        value = between @ np.maximum(value, gain)
    # As in the simulation, the first date is one step from today.
    return float(value[_NODES // 2])


def _generator(contract: Contract, distance: float) -> "Values":
    """Return the operator of Black and Scholes for log prices; it leaves both ends as they are."""
    spread = contract.sigma**2 / 2 / distance**2
    drift = (contract.rate - contract.sigma**2 / 2) / 2 / distance
    operator = (
        np.diag(np.full(_NODES - 1, spread + drift), 1)
        + np.diag(np.full(_NODES - 1, spread - drift), -1)
        - np.diag(np.full(_NODES, 2 * spread + contract.rate))
    )
    operator[0] = operator[-1] = 0.0
    return operator
