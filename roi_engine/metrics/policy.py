"""From measured autonomy to what an agent may do: slowly up, quickly down."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVELS = ("insufficient_data", "reactive", "assisted", "transitional", "self_directed")
"""Bands by level, 0 to 4; an agent of which too little is known has the least rights."""

UP_DAYS = 7
DOWN_DAYS = 3
"""A level is gained after a week of days at or over it, and lost after three under it."""


def levels(low: ArrayLike) -> NDArray[np.int64]:
    """Return the level that the lower end of asr_spend proves.

        < 0.2 → 1 · < 0.5 → 2 · ≤ 0.6 → 3 · else 4; 0 where there is no interval

    Args:
        low: Lower ends of asr_spend_28d; NaN where there are none.

    Returns:
        Levels, places in ``LEVELS``.

    Source: metrics.md §5 (bands; policies go by the interval's lower end).

    Examples:
        >>> levels([0.1, 0.2, 0.55, 0.61, float("nan")])
        array([1, 2, 3, 4, 0])
    """
    x = np.asarray(low, dtype=np.float64)
    known = np.isfinite(x)
    safe = np.where(known, x, 0.0)
    return np.where(known, 1 + (safe >= 0.2) + (safe >= 0.5) + (safe > 0.6), 0).astype(np.int64)


def with_hysteresis(
    daily: ArrayLike,
    is_known: ArrayLike,
    *,
    up_days: int = UP_DAYS,
    down_days: int = DOWN_DAYS,
) -> NDArray[np.int64]:
    """Return the level that is held after a history of days, each agent in a row.

    Up to the lowest level of the last ``up_days`` known days when that is higher than what is
    held; down to the highest of the last ``down_days`` when that is lower. So a level does not
    flicker at a threshold, and bad news counts sooner than good news.

    Args:
        daily: Levels, shape (agents, days), oldest first.
        is_known: Whether the day counts (it is mature and has a row), same shape.
        up_days: Known days that a rise needs.
        down_days: Known days that a fall needs.

    Returns:
        Held level of each agent; 0 without enough days.

    Source: metrics.md §5 (policies with hysteresis).

    Examples:
        >>> week = [[4] * 7 + [1, 4, 1, 4], [4] * 7 + [2, 1, 2, 2]]
        >>> with_hysteresis(week, np.ones((2, 11), dtype=bool))
        array([4, 2])
    """
    level = np.asarray(daily, dtype=np.int64)
    known = np.asarray(is_known, dtype=bool)
    agents = level.shape[0]
    # the newest known levels of each agent, newest first
    lately = np.zeros((agents, max(up_days, down_days)), dtype=np.int64)
    seen = np.zeros(agents, dtype=np.int64)
    held = np.zeros(agents, dtype=np.int64)
    for day in range(level.shape[1]):
        now = known[:, day]
        lately[now] = np.column_stack([level[now, day], lately[now, :-1]])
        seen += now
        proven = np.where(seen >= up_days, lately[:, :up_days].min(axis=1), 0)
        feared = np.where(seen >= down_days, lately[:, :down_days].max(axis=1), held)
        held = np.where(now & (proven > held), proven, held)
        held = np.where(now & (feared < held), feared, held)
    return held


def calls_left(money: ArrayLike, cost_per_call: ArrayLike) -> NDArray[np.float64]:
    """Return how many more calls the money that is left pays for.

        ⌊money / cost_per_call⌋, 0 where nothing is left

    Args:
        money: What may still be spent.
        cost_per_call: Mean cost of one.

    Returns:
        Whole numbers; NaN where a call has no known cost.

    Source: metrics.md §5 (what a gateway enforces at request time).

    Examples:
        >>> calls_left([1.0, -1.0, 1.0], [0.3, 0.3, 0.0])
        array([ 3.,  0., nan])
    """
    left = np.maximum(np.asarray(money, dtype=np.float64), 0.0)
    each = np.asarray(cost_per_call, dtype=np.float64)
    known = each > 0
    return np.where(known, np.floor(left / np.where(known, each, 1.0)), np.nan)
