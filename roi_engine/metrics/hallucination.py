"""How often outputs hallucinate, from a sample of reviews."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from roi_engine.metrics.roi import Floats, ratio

TAILS = (0.025, 0.975)
"""Where a 95 % interval ends."""


class Rate(NamedTuple):
    """A posterior of a rate: mean, 95 % interval and variance; NaN where nothing is known."""

    mean: Floats
    low: Floats
    high: Floats
    variance: Floats


class Sample(NamedTuple):
    """Reviews as a plain sample would have them: how many, and how many hallucinated."""

    reviewed: Floats
    hallucinated: Floats


def jeffreys(reviewed: ArrayLike, hallucinated: ArrayLike) -> Rate:
    """Return the posterior of a rate under Jeffreys' prior.

        Beta(½ + h, ½ + n − h)

    Args:
        reviewed: n, reviews (effective ones may be fractions).
        hallucinated: h <= n.

    Returns:
        Mean, the 2.5 % and 97.5 % quantiles, and the variance.

    Source: Brown, Cai and DasGupta 2001; metrics.md §4.

    Examples:
        >>> rate = jeffreys([50.0], [3.0])
        >>> rate.mean.round(6), rate.low.round(6), rate.high.round(6)
        (array([0.068627]), array([0.017187]), array([0.151533]))
    """
    n = np.asarray(reviewed, dtype=np.float64)
    h = np.asarray(hallucinated, dtype=np.float64)
    a, b = 0.5 + h, 0.5 + n - h
    mean = a / (a + b)
    variance = mean * (1 - mean) / (a + b + 1)
    return Rate(mean, betaincinv(a, b, TAILS[0]), betaincinv(a, b, TAILS[1]), variance)


def effective_sample(
    weight: ArrayLike, weight_squared: ArrayLike, weight_hallucinated: ArrayLike
) -> Sample:
    """Turn weighted reviews into a sample of equal information.

        n_eff = (Σw)² / Σw², h_eff = n_eff · Σ w·h / Σw

    Args:
        weight: Σw with w = 1 / sampling probability.
        weight_squared: Σw².
        weight_hallucinated: Σw over the reviews that found a hallucination.

    Returns:
        Effective counts; 0 where there is no review.

    Source: Kish 1965; metrics.md §4.

    Examples:
        >>> effective_sample([50.0], [50.0], [3.0])
        Sample(reviewed=array([50.]), hallucinated=array([3.]))
        >>> effective_sample([4.0], [10.0], [1.0])
        Sample(reviewed=array([1.6]), hallucinated=array([0.4]))
    """
    total = np.asarray(weight, dtype=np.float64)
    square = np.asarray(weight_squared, dtype=np.float64)
    found = np.asarray(weight_hallucinated, dtype=np.float64)
    n = np.nan_to_num(ratio(total * total, square))
    return Sample(n, np.nan_to_num(n * ratio(found, total)))


def loss_per_hallucination(
    liability: ArrayLike,
    later_detected: ArrayLike,
    remediation_minutes: ArrayLike,
    hourly_cost: ArrayLike,
) -> Floats:
    """Return what one undetected hallucination is expected to cost.

        liability + P(later detected) · remediation_minutes / 60 · w

    Args:
        liability: Money an undetected hallucination costs; NaN when nobody set it.
        later_detected: Probability that it is found afterwards.
        remediation_minutes: Minutes to put it right; NaN when nobody set it.
        hourly_cost: w, money an hour.

    Returns:
        Money a hallucination; NaN where an input is missing.

    Source: metrics.md §4.

    Examples:
        >>> loss_per_hallucination([2.0], [1.0], [15.0], [50.0])
        array([14.5])
    """
    minutes = np.asarray(remediation_minutes, dtype=np.float64)
    repair = minutes / 60.0 * np.asarray(hourly_cost, dtype=np.float64)
    chance = np.asarray(later_detected, dtype=np.float64)
    return np.asarray(liability, dtype=np.float64) + chance * repair
