"""Whether an agent serves one group of users as well as another."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.asr import TELLING_TRIALS, rate_ratio_interval
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.rounding import widen
from roi_engine.metrics.win_rate import Interval, wilson

VERDICTS = ("below", "within", "insufficient_data")
"""All verdicts of the four-fifths rule."""

FOUR_FIFTHS = 0.8

Served: TypeAlias = tuple[ArrayLike, ArrayLike]
"""Those of a group for whom it went well, and all of it."""


class FourFifths(NamedTuple):
    """A selection ratio, its interval and its verdict; figures of small groups are NaN.

    ``is_certain`` is true where even the interval's upper end lies below four fifths.
    """

    ratio: Floats
    low: Floats
    high: Floats
    verdict: NDArray[Any]
    is_certain: NDArray[np.bool_]


def selection_ratio(group: Served, reference: Served, level: float = 0.95) -> Interval:
    """Return a group's rate over the reference group's, with an interval for small counts.

        R = p/q, p = k/n with Wilson's limits l_p, u_p, and q alike
        low  = (pq − √((pq)² − l_p·u_q·(2p − l_p)·(2q − u_q))) / (u_q·(2q − u_q))
        high = (pq + √((pq)² − u_p·l_q·(2p − u_p)·(2q − l_q))) / (l_q·(2q − l_q))

    The usual interval of the log ratio, with half a case added to each cell, holds down to 45 %
    where nearly everybody is selected; this one needs no such addition, and a group of which
    nobody is selected has an upper end.

    Args:
        group: k and n of the group.
        reference: The same of the reference group.
        level: Nominal coverage.

    Returns:
        Ratio and interval; NaN where a group is empty or nobody of the reference is selected.

    Source: metrics.md §9; Donner and Zou 2012 (MOVER for ratios), Fagerland and Newcombe 2013.

    Examples:
        >>> found = selection_ratio(([36], [60]), ([160], [200]))
        >>> found.estimate.round(3), found.low.round(3), found.high.round(3)
        (array([0.75]), array([0.588]), array([0.909]))
    """
    mine, theirs = wilson(*group, level), wilson(*reference, level)
    known = ~np.isnan(mine.estimate) & (np.nan_to_num(theirs.estimate) > 0)
    p, p_low, p_high = (np.where(known, part, 0.5) for part in mine)
    q, q_low, q_high = (np.where(known, part, 0.5) for part in theirs)
    product = p * q

    down = product**2 - p_low * q_high * (2 * p - p_low) * (2 * q - q_high)
    up = product**2 - p_high * q_low * (2 * p - p_high) * (2 * q - q_low)
    # rationalised, as 2q − u_q may be 0 or negative: (a − √(a² − bc))/b = c/(a + √(a² − bc))
    # where nobody is selected both parts are 0, and so is the low end
    middle = np.where(product > 0, product, 1.0)
    low = p_low * (2 * p - p_low) / (middle + np.sqrt(np.maximum(down, 0.0)))
    high = (product + np.sqrt(np.maximum(up, 0.0))) / (q_low * (2 * q - q_low))
    estimate = ratio(mine.estimate, theirs.estimate)
    low, high = np.minimum(low, estimate), np.maximum(high, estimate)
    return Interval(estimate, np.where(known, low, np.nan), np.where(known, high, np.nan))


def selection_ratio_by_day(group: Served, reference: Served, level: float = 0.95) -> Interval:
    """Return a group's rate over the reference group's, from the counts of each day.

    With fewer than 100 of either group in the window it is ``selection_ratio``, which takes tasks
    as independent; from there on ``asr.rate_ratio_interval``, and ``selection_ratio`` where that
    has none. At 5000 tasks over days that persist, the first alone holds 63 %.

    Args:
        group: k and n, whole numbers, shape (rows, days), the last day last.
        reference: The same of the reference group.
        level: Nominal coverage.

    Returns:
        Ratio and interval as ``selection_ratio``.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §9; docs/decisions/0029-intervals-held-to-account.md.

    Examples:
        >>> day = np.ones((1, 28), dtype=int)
        >>> found = selection_ratio_by_day((day, 2 * day), (3 * day, 4 * day))
        >>> found.estimate.round(3), found.low.round(3), found.high.round(3)
        (array([0.667]), array([0.491]), array([0.863]))
    """
    k, n, j, m = (np.asarray(part, dtype=np.float64).sum(axis=-1) for part in (*group, *reference))
    by_task = selection_ratio((k, n), (j, m), level)
    by_day = rate_ratio_interval(*group, *reference, level)
    enough = (n >= TELLING_TRIALS) & (m >= TELLING_TRIALS)
    use_days = enough & ~np.isnan(by_day.low)
    return Interval(
        by_task.estimate,
        np.where(use_days, by_day.low, by_task.low),
        np.where(use_days, by_day.high, by_task.high),
    )


def four_fifths(
    group: Served,
    reference: Served,
    *,
    min_group_size: int = 30,
    level: float = 0.95,
    interval: Interval | None = None,
) -> FourFifths:
    """Judge each group by the four-fifths rule, on exact counts.

        below: (k/n) / (k_ref/n_ref) < 4/5, compared as 5·k·n_ref < 4·k_ref·n
        insufficient_data: a group smaller than min_group_size, or a reference of no success

    k counts what users want. For an outcome that harms, such as escalation, swap the
    two groups: the rule then asks whether the reference suffers less than four fifths as often.
    (The share *not* harmed would hide it: 90 % against 99 % passes, at ten times the harm.)

    Args:
        group: k and n, whole numbers.
        reference: k_ref and n_ref, whole numbers.
        min_group_size: Smaller groups show no figure.
        level: Nominal coverage.
        interval: The ratio's interval, where more is known than these counts (``_by_day``).

    Returns:
        Ratio, interval, one of ``VERDICTS`` and whether ``below`` is beyond chance.

    Raises:
        TypeError: A count is not a whole number.

    Source: metrics.md §0 (small groups), §9; Uniform Guidelines on Employee Selection 1978.

    Examples:
        >>> judged = four_fifths(([36, 40, 9], [60, 50, 29]), ([160] * 3, [200] * 3))
        >>> judged.verdict.tolist(), judged.is_certain.tolist()
        (['below', 'within', 'insufficient_data'], [False, False, False])
        >>> judged.ratio.round(3)
        array([0.75, 1.  ,  nan])
    """
    k, n, k_ref, n_ref = np.broadcast_arrays(*(widen(part) for part in (*group, *reference)))
    enough = ((n >= min_group_size) & (n_ref >= min_group_size) & (k_ref > 0)).astype(bool)
    doubles = [part.astype(np.float64) for part in (k, n, k_ref, n_ref)]
    found = interval or selection_ratio((doubles[0], doubles[1]), (doubles[2], doubles[3]), level)
    shown = Interval(*(np.where(enough, part, np.nan) for part in found))
    is_below = enough & (5 * k * n_ref < 4 * k_ref * n).astype(bool)
    verdict = np.select([~enough, is_below], ["insufficient_data", "below"], default="within")
    is_certain = is_below & (np.nan_to_num(shown.high, nan=np.inf) < FOUR_FIFTHS)
    return FourFifths(*shown, verdict, is_certain)
