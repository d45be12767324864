"""An American put by Longstaff and Schwartz (2001), with two sets of paths.

The strategy is fitted on one set and valued on the other. So no path helps to decide on itself, and
the price is that of a real strategy: at most the right one, apart from chance.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.option_pricing import paths as streams
    from task_scripts.option_pricing.contracts import Contract
else:  # on a node the files are in one folder
    import paths as streams
    from contracts import Contract

if TYPE_CHECKING:
    Values = np.typing.NDArray[np.float64]

DATES = 50
_TRAINING_PATHS = 20_000
_DEGREE = 3


class Strategy(NamedTuple):
    """When to exercise: at each date before the last, a polynomial of what waiting is worth."""

    contract: Contract
    continuations: "tuple[Values, ...]"

    def payoffs(self, normals: "Values") -> "Values":
        """Follow the strategy on paths, given as dates by paths; return the payoffs, discounted."""
        prices = _prices(self.contract, normals)
        payoff, waiting = np.zeros(normals.shape[1]), np.ones(normals.shape[1], dtype=bool)
        for date, share in enumerate(prices):
            gain = np.maximum(self.contract.strike - share, 0.0)
            last = date == len(prices) - 1
            worth = 0.0 if last else _worth(self.contract, self.continuations[date], share)
            now = waiting & (gain > 0) & (gain >= worth)
            payoff[now] = gain[now] * _discount(self.contract, date + 1)
            waiting &= ~now
        return payoff


def strategy_for(contract: Contract, seed: int) -> Strategy:
    """Fit the strategy, from the last date backwards; the same for every range of paths."""
    prices = _prices(contract, streams.training(seed, _TRAINING_PATHS, DATES))
    cash = np.maximum(contract.strike - prices[-1], 0.0) * _discount(contract, DATES)
    fitted = []
    for date in range(DATES - 2, -1, -1):
        share = prices[date]
        gain = np.maximum(contract.strike - share, 0.0)
        inside = gain > 0
        worth = _fit(contract, share[inside], cash[inside] / _discount(contract, date + 1))
        fitted.append(worth)
        now = inside & (gain >= _worth(contract, worth, share))
        cash[now] = gain[now] * _discount(contract, date + 1)
    return Strategy(contract, tuple(reversed(fitted)))


def _fit(contract: Contract, share: "Values", later: "Values") -> "Values":
    if len(share) <= _DEGREE:
        return np.full(_DEGREE + 1, math.inf)  # too few paths to learn from: wait
    fitted = np.polynomial.polynomial.polyfit(share / contract.strike, later, _DEGREE)
    return fitted.astype(np.float64)


def _worth(contract: Contract, polynomial: "Values", share: "Values") -> "Values":
    if math.isinf(polynomial[0]):
        return np.full_like(share, math.inf)
    worth = np.polynomial.polynomial.polyval(share / contract.strike, polynomial)
    return np.asarray(worth, dtype=np.float64)


def _prices(contract: Contract, normals: "Values") -> "Values":
    step = contract.maturity / len(normals)
    drift = (contract.rate - contract.sigma**2 / 2) * step
    moves = drift + contract.sigma * math.sqrt(step) * normals
    shares: Values = contract.spot * np.exp(np.cumsum(moves, axis=0))
    return shares


def _discount(contract: Contract, date: int) -> float:
    return math.exp(-contract.rate * contract.maturity * date / DATES)
