"""Mandates and the slope of a wallet: goals reached within a limit, money gone too fast."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.rounding import widen


def mandate_score(is_reached: ArrayLike, spent: ArrayLike, limit: ArrayLike) -> NDArray[np.int64]:
    """Score a mandate (one goal, one limit): 1 if reached within its limit, else 0.

    Args:
        is_reached: Whether the goal was reached.
        spent: Nano-units spent on it.
        limit: Nano-units allowed.

    Returns:
        0 or 1.

    Source: metrics.md §5, wallets.

    Examples:
        >>> mandate_score([True, True, False], [180, 201, 10], [200, 200, 200])
        array([1, 0, 0])
    """
    within = (widen(spent) <= widen(limit)).astype(bool)
    return (np.asarray(is_reached, dtype=bool) & within).astype(np.int64)


def is_over_slope(
    spent: ArrayLike, microseconds: ArrayLike, limit_per_hour: ArrayLike
) -> NDArray[np.bool_]:
    """Tell whether money left faster than the wallet's slope limit allows.

        spent / hours > slope_limit_per_hour, compared in whole numbers

    Args:
        spent: Nano-units spent in the interval.
        microseconds: Length of the interval, > 0.
        limit_per_hour: Nano-units an hour.

    Returns:
        True where the limit is exceeded.

    Source: metrics.md §5, wallets (flag ``over_slope``).

    Examples:
        >>> is_over_slope([1202], [1_800_000_000], [1000])
        array([ True])
    """
    over = widen(spent) * 3_600_000_000 > widen(limit_per_hour) * widen(microseconds)
    return np.asarray(over, dtype=bool)


def days_until_empty(remaining: ArrayLike, rate: ArrayLike, days_left: ArrayLike) -> Floats:
    """Return after how many days a wallet is empty, if money goes on leaving at the same rate.

        ⌈remaining / rate⌉, 0 once nothing is left

    Args:
        remaining: Money that is left; negative where it is overspent.
        rate: Money a day.
        days_left: Days of the period after this one.

    Returns:
        Whole days; NaN where the wallet lasts to the end of its period, or nothing is spent.

    Source: metrics.md §5, wallets (projected exhaustion).

    Examples:
        >>> days_until_empty([30.0, 30.0, -1.0, 30.0], [10.0, 1.0, 5.0, 0.0], [6, 6, 6, 6])
        array([ 3., nan,  0., nan])
    """
    left = np.asarray(remaining, dtype=np.float64)
    wait = np.where(left <= 0, 0.0, np.ceil(ratio(left, rate)))
    return np.where(wait <= np.asarray(days_left, dtype=np.float64), wait, np.nan)
