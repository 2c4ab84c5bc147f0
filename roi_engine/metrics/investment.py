"""Investments: when they have paid for themselves, what they are worth today, how they are spread.

The same arithmetic serves what was built (integration, prompts, seats) and what was trained.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.roi import Floats
from roi_engine.metrics.rounding import Integers, widen

YEAR_DAYS = 365


def payback_days(net_value: ArrayLike, investment: ArrayLike) -> Floats:
    """Return after how many days the net value has paid for the investment.

        the first d with Σ_{k≤d} net_k >= investment

    It is the first crossing: a loss that follows does not move it.

    Args:
        net_value: Net value of each day after the investment, shape (rows, days), money.
        investment: Money, one a row.

    Returns:
        Whole days (as doubles), 0 where there is nothing to pay back; NaN where the days given
        do not pay it back, where one up to then is missing, or where the investment is unknown.

    Source: metrics.md §3 (build_cost, training amortisation: payback).

    Examples:
        >>> payback_days([[40.0, 30, 30, 30], [40, 30, 20, 5]], [100.0, 100.0])
        array([ 3., nan])
    """
    net = np.asarray(net_value, dtype=np.float64)
    needed = np.asarray(investment, dtype=np.float64)
    # a missing day makes every later sum missing, and a comparison with it is false
    reached = net.cumsum(axis=-1) >= needed[..., None]
    days = reached.argmax(axis=-1) + 1.0 if net.shape[-1] else np.ones(needed.shape)
    days = np.where(reached.any(axis=-1), days, np.nan)
    return np.where(needed <= 0, 0.0, days)


def net_present_value(
    net_value: ArrayLike, investment: ArrayLike, annual_rate: ArrayLike
) -> Floats:
    """Return what an investment and the days that follow are worth on its first day.

        NPV = −I + Σ_d net_d / (1 + r)^(d/365)

    Args:
        net_value: Net value of each day after the investment, shape (rows, days), money.
        investment: I, money, one a row.
        annual_rate: r > −1, a year, compounded by day.

    Returns:
        Money; NaN where a day, the investment or a possible rate is missing.

    Source: metrics.md §3 (NPV per agent).

    Examples:
        >>> year_end = np.zeros((1, 365))
        >>> year_end[0, -1] = 110.0
        >>> net_present_value(year_end, [100.0], [0.1]).round(9) + 0.0
        array([0.])
    """
    net = np.asarray(net_value, dtype=np.float64)
    rate = np.asarray(annual_rate, dtype=np.float64)
    growth = np.where(rate > -1, 1 + rate, np.nan)[..., None]
    with np.errstate(over="ignore", under="ignore"):
        discount = growth ** -((np.arange(net.shape[-1]) + 1) / YEAR_DAYS)
        worth = (net * discount).sum(axis=-1) - np.asarray(investment, dtype=np.float64)
    return np.where(np.isfinite(worth), worth, np.nan)


def amortised_on(cost: ArrayLike, lifespan_days: ArrayLike, age_days: ArrayLike) -> Integers:
    """Return what a capitalised cost gives to one day of its life, exactly.

        ⌊|cost| / days⌋ a day with the cost's sign; the last day takes the remainder

    Nothing is lost: over the days 1 to ``lifespan_days`` the parts sum to the cost.

    Args:
        cost: Whole nano-units, any sign.
        lifespan_days: Whole days >= 1.
        age_days: Which day: 1 is the day after completion.

    Returns:
        Python integers (dtype object), nano-units; 0 before the first day and after the last.

    Raises:
        TypeError: A cost is not a whole number.
        ValueError: A lifespan is less than a day.

    Source: metrics.md §2 (training), §3 (build_cost).

    Examples:
        >>> amortised_on(10, 3, [0, 1, 2, 3, 4])
        array([0, 3, 3, 4, 0], dtype=object)
    """
    whole, days, age = _exact(cost, lifespan_days, age_days)
    a_day = abs(whole) // days
    last = abs(whole) - a_day * (days - 1)
    part = np.where(age == days, last, np.where((age > 0) & (age < days), a_day, 0))
    return np.asarray(np.where(whole < 0, -1, 1).astype(object) * part, dtype=object)


def amortised_until(cost: ArrayLike, lifespan_days: ArrayLike, age_days: ArrayLike) -> Integers:
    """Return what of a capitalised cost is amortised at the end of a day; the rest is its balance.

        ⌊|cost| / days⌋ · age with the cost's sign, all of it from the last day on

    Args:
        cost: Whole nano-units, any sign.
        lifespan_days: Whole days >= 1.
        age_days: Which day: 1 is the day after completion.

    Returns:
        Python integers (dtype object): the sum of ``amortised_on`` up to that day.

    Raises:
        TypeError: A cost is not a whole number.
        ValueError: A lifespan is less than a day.

    Source: metrics.md §2: opening + additions − amortised − written off = closing.

    Examples:
        >>> amortised_until(10, 3, [0, 1, 2, 3, 4])
        array([0, 3, 6, 10, 10], dtype=object)
    """
    whole, days, age = _exact(cost, lifespan_days, age_days)
    begun = abs(whole) // days * np.maximum(age, 0)
    part = np.where(age >= days, abs(whole), begun)
    return np.asarray(np.where(whole < 0, -1, 1).astype(object) * part, dtype=object)


def _exact(*columns: ArrayLike) -> tuple[NDArray[Any], ...]:
    whole, days, age = np.broadcast_arrays(*(np.atleast_1d(widen(column)) for column in columns))
    if np.any(days < 1):
        raise ValueError("a lifespan is one day or more")
    return whole, days, age
