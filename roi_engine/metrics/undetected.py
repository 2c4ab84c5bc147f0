"""How many hallucinations nobody has seen: counts from a rate that is itself uncertain."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln

from roi_engine.metrics.roi import Floats

EXACT_UP_TO = 20_000
"""Counts up to this size are summed term by term; over it the count is taken as continuous."""
BLOCK = 2**19
"""Terms that are summed side by side."""
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
    found = _quantiles(*distinct)[:, back.reshape(-1)]
    low[known], high[known] = found
    return CountInterval(low, high)


def _quantiles(outputs: Floats, mean: Floats, variance: Floats) -> Floats:
    """Return first and last (rows) of each count, given in ascending order of ``outputs``."""
    found = np.zeros((2, outputs.size))
    certain = (variance <= 0) | (mean <= 0) | (mean >= 1)
    found[:, certain] = outputs[certain] * mean[certain]
    open_ = (outputs > 0) & ~certain
    many = open_ & (outputs > EXACT_UP_TO)
    found[:, many] = _continuous(outputs[many], mean[many], variance[many])
    # counts of like size are summed side by side; a block holds a few MiB of terms
    few = np.flatnonzero(open_ & ~many)
    while few.size:
        wide = np.maximum.accumulate(outputs[few]) + 1
        fits = max(1, int(np.searchsorted(wide * np.arange(1, few.size + 1), BLOCK, side="right")))
        block, few = few[:fits], few[fits:]
        found[:, block] = _summed(outputs[block], mean[block], variance[block])
    return found


def _continuous(outputs: Floats, mean: Floats, variance: Floats) -> Floats:
    # the share K/N varies by the rate and by the draw; a Beta with both variances
    spread = variance + (mean * (1 - mean) - variance) / outputs
    size = mean * (1 - mean) / spread - 1
    begin = np.linspace(0, 1 - LEVEL, SHORTEST_OF)[:, None]
    low, high = (
        betaincinv(mean * size, (1 - mean) * size, tail) for tail in (begin, begin + LEVEL)
    )
    best = np.argmin(high - low, axis=0), np.arange(outputs.size)
    return np.stack([np.floor(outputs * low[best]), np.ceil(outputs * high[best])])


def _summed(outputs: Floats, mean: Floats, variance: Floats) -> Floats:
    size = mean * (1 - mean) / variance - 1
    n, a, b = outputs[:, None], (mean * size)[:, None], ((1 - mean) * size)[:, None]
    # each term from the one before: a product of ratios costs less than a beta function each
    k = np.arange(outputs.max())
    left = n - k
    inside = left > 0
    ratio = left * (k + a) / ((k + 1) * np.where(inside, left - 1 + b, 1.0))
    logs = np.zeros((outputs.size, k.size + 1))
    np.log(ratio, out=logs[:, 1:], where=inside)
    logs[:, :1] = betaln(a, n + b) - betaln(a, b)
    chance = np.exp(np.cumsum(logs, axis=1))
    chance[:, 1:][~inside] = 0.0
    likeliest = np.argsort(-chance, axis=1, kind="stable")
    ordered = np.take_along_axis(chance, likeliest, axis=1)
    kept = np.cumsum(ordered, axis=1) - ordered / 2 <= LEVEL
    kept[:, 0] = True
    first = np.where(kept, likeliest, chance.shape[1]).min(axis=1)
    last = np.where(kept, likeliest, -1).max(axis=1)
    return np.stack([first, last])
