"""Count, mean and squared deviations of a sample, which merge without loss (Chan et al., 1979)."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


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

    @property
    def variance(self) -> float:
        """The variance of the population, estimated without bias; NaN for fewer than two."""
        return self.m2 / (self.n - 1) if self.n > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """The standard deviation of the mean."""
        return math.sqrt(self.variance / self.n) if self.n > 1 else math.nan


NOTHING = Moments(0, 0.0, 0.0)


def moments_of(values: "np.typing.NDArray[np.float64]") -> Moments:
    """Return the moments of values."""
    mean = float(values.mean())
    return Moments(len(values), mean, float(((values - mean) ** 2).sum()))
