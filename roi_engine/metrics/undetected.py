"""How many hallucinations nobody has seen: counts from a rate that is itself uncertain."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln

from roi_engine.metrics.roi import Floats

EXACT_UP_TO = 20_000
"""Counts up to this size are summed term by term; over it the count is taken as continuous."""


LEVEL = 0.95
SHORTEST_OF = 101
"""Intervals of 95 % among which the shortest is taken where the count is continuous."""


class CountInterval(NamedTuple):
    """The likeliest 95 % of a count, first and last."""

    low: Floats
    high: Floats


def beta_binomial_interval(
    outputs: ArrayLike, mean: ArrayLike, variance: ArrayLike
) -> CountInterval:
    """Return the interval of how many of some outputs hallucinated.

        K ~ BetaBinomial(N, a, b), Beta(a, b) with the given mean and variance
        the likeliest k, each while those before it and half of its own chance come to <= 95 %

    Equal tails would leave the lower one unused wherever 0 is likely, and with the whole chance of
    the last k a small count holds 98 to 99 %.

    Args:
        outputs: N, outputs that nobody verified.
        mean: Mean of the posterior of their rate.
        variance: Variance of that posterior.

    Returns:
        Whole numbers (as doubles), NaN where the rate is not known; 0, 0 where N is 0.

    Source: metrics.md §4, expected_undetected; Box and Tiao 1973 (highest
    density), Lancaster 1961 (mid-P); docs/decisions/0029-intervals-held-to-account.md.

    Examples:
        >>> interval = beta_binomial_interval([950], [3.5 / 51], [3.5 * 47.5 / 51**2 / 52])
        >>> interval.low, interval.high
        (array([9.]), array([132.]))
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
        begin = np.linspace(0, 1 - LEVEL, SHORTEST_OF)
        low, high = (
            betaincinv(mean * size, (1 - mean) * size, tail) for tail in (begin, begin + LEVEL)
        )
        best = int(np.argmin(high - low))
        return float(np.floor(outputs * low[best])), float(np.ceil(outputs * high[best]))
    size = mean * (1 - mean) / variance - 1
    a, b = mean * size, (1 - mean) * size
    # each term from the one before: a product of ratios costs less than a beta function each
    k = np.arange(outputs)
    steps = np.log((outputs - k) * (k + a) / ((k + 1) * (outputs - k - 1 + b)))
    first = betaln(a, outputs + b) - betaln(a, b)
    chance = np.exp(first + np.concatenate([[0.0], np.cumsum(steps)]))
    likeliest = np.argsort(-chance, kind="stable")
    halfway = np.cumsum(chance[likeliest]) - chance[likeliest] / 2
    kept = likeliest[: max(int(np.searchsorted(halfway, LEVEL, side="right")), 1)]
    return float(kept.min()), float(kept.max())
