"""How many hallucinations nobody has seen: counts from a rate that is itself uncertain."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln

from roi_engine.metrics.hallucination import TAILS
from roi_engine.metrics.roi import Floats

EXACT_UP_TO = 20_000
"""Counts up to this size are summed term by term; over it the count is taken as continuous."""


class CountInterval(NamedTuple):
    """The 2.5 % and 97.5 % quantiles of a count."""

    low: Floats
    high: Floats


def beta_binomial_interval(
    outputs: ArrayLike, mean: ArrayLike, variance: ArrayLike
) -> CountInterval:
    """Return the interval of how many of some outputs hallucinated.

        K ~ BetaBinomial(N, a, b), Beta(a, b) with the given mean and variance

    Args:
        outputs: N, outputs that nobody verified.
        mean: Mean of the posterior of their rate.
        variance: Variance of that posterior.

    Returns:
        Whole numbers (as doubles), NaN where the rate is not known; 0, 0 where N is 0.

    Source: metrics.md §4, expected_undetected.

    Examples:
        >>> interval = beta_binomial_interval([950], [3.5 / 51], [3.5 * 47.5 / 51**2 / 52])
        >>> interval.low, interval.high
        (array([15.]), array([146.]))
    """
    columns = [np.atleast_1d(np.asarray(c, dtype=np.float64)) for c in (outputs, mean, variance)]
    rows = np.stack(np.broadcast_arrays(*columns))
    low, high = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    known = np.isfinite(rows).all(axis=0)
    distinct, back = np.unique(rows[:, known], axis=1, return_inverse=True)
    found = np.array([_quantiles(*row) for row in distinct.T]).reshape(-1, 2)
    low[known], high[known] = found[back.reshape(-1)].T
    return CountInterval(low, high)


def _quantiles(outputs: float, mean: float, variance: float) -> tuple[float, float]:
    if outputs <= 0:
        return 0.0, 0.0
    if variance <= 0 or not 0 < mean < 1:
        return outputs * mean, outputs * mean
    if outputs > EXACT_UP_TO:
        # the share K/N varies by the rate and by the draw; a Beta with both variances
        spread = variance + (mean * (1 - mean) - variance) / outputs
        size = mean * (1 - mean) / spread - 1
        tails = betaincinv(mean * size, (1 - mean) * size, np.array(TAILS))
        return float(np.floor(outputs * tails[0])), float(np.ceil(outputs * tails[1]))
    size = mean * (1 - mean) / variance - 1
    a, b = mean * size, (1 - mean) * size
    # each term from the one before: a product of ratios costs less than a beta function each
    k = np.arange(outputs)
    steps = np.log((outputs - k) * (k + a) / ((k + 1) * (outputs - k - 1 + b)))
    first = betaln(a, outputs + b) - betaln(a, b)
    reached = np.cumsum(np.exp(first + np.concatenate([[0.0], np.cumsum(steps)])))
    low, high = np.minimum(np.searchsorted(reached, TAILS), outputs)
    return float(low), float(high)
