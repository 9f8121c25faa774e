"""How sure is a number: confidence intervals by the bootstrap (Efron 1979).

The pictures of a test set are a sample of all that might have been taken. Drawn again from themselves, with replacement, they show
how much a number would have differed. Intervals are the percentiles of the numbers that the drawn sets give.
"""

from __future__ import annotations

import dataclasses

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
SEED = 0


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and the ends of its confidence interval; nan where there is none."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def resamples(n: int, count: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Which of `n` pictures are in each of `count` drawn sets: int (count, n), the same for the same seed.

    All that is measured on the same pictures is measured on the same drawn sets.
    """
    return np.random.default_rng(seed).integers(0, n, (count, n))


def percentiles(drawn: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The ends of the middle `level` of the numbers of the drawn sets, (count,)."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_estimate(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """The mean of one value a picture, (n,), with its interval."""
    values = np.asarray(values, np.float64)
    return Estimate(float(values.mean()), *percentiles(values[resamples(len(values))].mean(1), level))


def centred_estimate(value: float, drawn: np.ndarray, level: float = LEVEL) -> Estimate:
    """For numbers of a whole set such as FID: the interval of the drawn sets, moved so that their mean is `value`.

    A drawn set holds pictures twice and so has less variety than the set itself. FID and KID see that as a distance, and the
    drawn sets lie further off than the set they came from; only how much they scatter says something.
    """
    low, high = percentiles(drawn - drawn.mean() + value, level)
    return Estimate(value, low, high)
