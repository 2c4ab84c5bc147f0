"""Is a newer model version worse than the one before it? Rates compared on the same mix of work."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.difference import rate_difference
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

LEVEL = 0.99
"""Asked of every agent each day, 95 % would cry wolf for one new version in forty."""


class Change(NamedTuple):
    """New rate minus old on the same mix, and how many tasks of each were compared."""

    difference: Interval
    new_rate: Floats
    old_rate: Floats
    new_tasks: Floats
    old_tasks: Floats


def rate_change(
    pair: ArrayLike,
    new_successes: ArrayLike,
    new_tasks: ArrayLike,
    old_successes: ArrayLike,
    old_tasks: ArrayLike,
    *,
    level: float = LEVEL,
) -> Change:
    """Compare the success rate of two versions over the kinds of work that both did.

        w_i = n_i·m_i / (n_i + m_i) (Mantel and Haenszel), p = Σ w_i·k_i/n_i / Σ w_i
        effective size = (Σ w_i)² / Σ (w_i²/n_i)
        Δ = p_new − p_old, Newcombe's interval with Wilson's limits on the effective sizes

    A version that is given harder work is not worse for that: a kind of work that only one of
    the two did has no weight.

    Args:
        pair: Which comparison a row belongs to: 0 … number of pairs − 1.
        new_successes: Successes of the newer version in one kind of work, a row each.
        new_tasks: Its ended tasks there.
        old_successes: Successes of the older version there.
        old_tasks: Its ended tasks there.
        level: Nominal coverage.

    Returns:
        One entry a pair; NaN where no kind of work has both.

    Source: metrics.md §9 (a KPI regression names the model version to roll back to); Mantel and
    Haenszel 1959; Newcombe 1998, method 10.

    Examples:
        >>> change = rate_change([0, 0], [60, 10], [100, 100], [90, 0], [100, 0])
        >>> change.difference.estimate.round(2), change.difference.high.round(2)
        (array([-0.3]), array([-0.14]))
        >>> change.new_tasks, change.old_tasks
        (array([100.]), array([100.]))
    """
    index = np.asarray(pair, dtype=np.int64)
    n, m = (np.asarray(tasks, dtype=np.float64) for tasks in (new_tasks, old_tasks))
    k, j = (np.asarray(wins, dtype=np.float64) for wins in (new_successes, old_successes))
    shared = (n > 0) & (m > 0)
    weight = np.where(shared, n * m / np.where(shared, n + m, 1.0), 0.0)
    size = int(index.max()) + 1 if index.size else 0

    def total(values: Floats) -> Floats:
        return np.bincount(index, weights=values, minlength=size).astype(np.float64)

    whole = total(weight)

    def side(wins: Floats, tasks: Floats) -> tuple[Floats, Floats]:
        some = np.where(shared, tasks, 1.0)
        rate = ratio(total(weight * wins / some), whole)
        return rate, np.nan_to_num(ratio(whole * whole, total(weight * weight / some)))

    new_rate, new_size = side(k, n)
    old_rate, old_size = side(j, m)
    difference = rate_difference(
        np.nan_to_num(new_rate) * new_size,
        new_size,
        np.nan_to_num(old_rate) * old_size,
        old_size,
        limits="wilson",
        level=level,
    )
    return Change(
        difference,
        new_rate,
        old_rate,
        total(np.where(shared, n, 0.0)),
        total(np.where(shared, m, 0.0)),
    )


def regressed(change: Change, min_group_size: int = 30) -> NDArray[np.bool_]:
    """Say where the newer version is worse beyond doubt: its whole interval lies below 0.

        high(Δ) < 0, and at least min_group_size tasks of each version compared

    Args:
        change: What ``rate_change`` returned.
        min_group_size: Fewer tasks than this on either side decide nothing.

    Returns:
        One flag a pair.

    Source: metrics.md §9.

    Examples:
        >>> regressed(rate_change([0, 1], [60, 6], [100, 10], [90, 9], [100, 10])).tolist()
        [True, False]
    """
    enough = (change.new_tasks >= min_group_size) & (change.old_tasks >= min_group_size)
    with np.errstate(invalid="ignore"):
        return enough & (change.difference.high < 0)
