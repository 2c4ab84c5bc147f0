"""How often an agent was down, for how long, and how soon that was seen and mended."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

STILL_OPEN = 2**63 - 1
"""The end of an incident that has not ended."""

_DAYS = 30.0
_TIE = 1e-9
"""Sums of logarithms that should be equal differ by less than this."""


class Durations(NamedTuple):
    """Times of each group: how many ended, how many are open, mean and median."""

    ended: NDArray[np.int64]
    left_open: NDArray[np.int64]
    mean: Floats
    median: Floats


def downtime(
    agent: ArrayLike, started: ArrayLike, ended: ArrayLike, window: tuple[int, int], agents: int
) -> NDArray[np.int64]:
    """Return how long each agent was down within a window; what overlaps counts once.

        |⋃ [started, ended) ∩ [window start, window end)|

    Args:
        agent: Which agent each incident hit, from 0 to agents − 1, in any order.
        started: Microseconds.
        ended: Microseconds; ``STILL_OPEN`` for an incident that goes on.
        window: First microsecond, and the one after the last (as_of, where that is earlier).
        agents: How many agents there are.

    Returns:
        Microseconds of each agent.

    Raises:
        ValueError: The window is empty, an incident ends before it begins, or an agent is none
            of those counted.
        OverflowError: agents × window does not fit 64 bits.

    Source: metrics.md §7, availability; §0, half-open intervals.

    Examples:
        >>> downtime([0, 0, 1], [0, 5, 90], [10, 20, STILL_OPEN], window=(0, 100), agents=3)
        array([20, 10,  0])
    """
    first, last = window
    who = np.asarray(agent, dtype=np.int64)
    begin, end = np.asarray(started, dtype=np.int64), np.asarray(ended, dtype=np.int64)
    if last <= first:
        raise ValueError("a window must not be empty")
    if (end < begin).any():
        raise ValueError("an incident ends before it begins")
    if who.size and (who.min() < 0 or who.max() >= agents):
        raise ValueError(f"an agent is outside 0 to {agents - 1}")
    length = last - first
    if agents * (length + 1) > STILL_OPEN:
        raise OverflowError("too many agents for so long a window")
    # one line for all: each agent's window lies behind the one before
    offset = who * length
    begin, end = (np.clip(edge, first, last) - first + offset for edge in (begin, end))
    order = np.lexsort((begin, who))
    begin, end, who = begin[order], end[order], who[order]
    covered = np.maximum.accumulate(np.concatenate([[0], end]))[:-1]
    down = np.zeros(agents, dtype=np.int64)
    # bincount would add in doubles; these are exact
    np.add.at(down, who, np.maximum(end - np.maximum(begin, covered), 0))
    return down


def availability(down: ArrayLike, window: tuple[int, int]) -> Floats:
    """Return the share of a window in which each agent was up.

        1 − downtime / window

    Args:
        down: Microseconds, as ``downtime`` returns them.
        window: The same window.

    Returns:
        A share in [0, 1].

    Source: metrics.md §7.

    Examples:
        >>> availability([20, 0], window=(0, 100))
        array([0.8, 1. ])
    """
    length = window[1] - window[0]
    return ratio(length - np.asarray(down, dtype=np.int64), length)


def incident_rate(incidents: ArrayLike, days: ArrayLike, level: float = 0.95) -> Interval:
    """Return incidents in 30 days, with Jeffreys' interval.

        30·k/T; low and high 30·χ²(α/2 and 1 − α/2; 2k + 1)/2T; low is 0 with no incident

    Garwood's exact interval holds at least the nominal coverage whatever the rate, and 97.4 % on
    the mean; this one holds 95 %, less than that at some rates.

    Args:
        incidents: k, incidents that began in the time.
        days: T, days observed.
        level: Nominal coverage.

    Returns:
        Rate and interval; the low end is 0 with no incident; NaN where no time was observed.

    Source: Brown, Cai and DasGupta 2003; metrics.md §7;
    docs/decisions/0029-intervals-held-to-account.md.

    Examples:
        >>> found = incident_rate([3, 0], [28.0, 28.0])
        >>> found.estimate.round(2), found.low.round(2), found.high.round(2)
        (array([3.21, 0.  ]), array([0.91, 0.  ]), array([8.58, 2.69]))
    """
    k = np.asarray(incidents, dtype=np.float64)
    time = np.asarray(days, dtype=np.float64) / _DAYS
    some = k > 0
    low = np.where(some, gammaincinv(k + 0.5, 0.5 - level / 2), 0.0)
    high = gammaincinv(k + 0.5, 0.5 + level / 2)
    return Interval(ratio(k, time), ratio(low, time), ratio(high, time))


def durations(group: ArrayLike, duration: ArrayLike, is_open: ArrayLike, groups: int) -> Durations:
    """Return mean and median of times of which some still run: to detect, to recover.

        mean = Σ all times, open ones up to now / number ended
        median = the least t with Π_{t_i ≤ t} (1 − d_i/n_i) ≤ ½ (Kaplan–Meier); where that is ½,
        half way from there to the next end

    Both are the plain mean and median when none is open. The mean is that of a constant rate of
    recovery: it is a ratio of sums, which adds up over agents, and an outage that goes on raises
    it day by day. (Kaplan–Meier's restricted mean leaves out just what lies beyond the longest
    observed time, the worst outages.) The median supposes no shape.

    Args:
        group: Group of each time, from 0 to groups − 1, in any order.
        duration: Time to the end, or so far, >= 0, in any unit.
        is_open: Whether it still runs.
        groups: How many groups there are.

    Returns:
        Counts, mean (NaN where none has ended) and median (NaN where fewer than half have).

    Raises:
        ValueError: A time is negative or missing, or a group is none of those counted.

    Source: metrics.md §7; Epstein and Sobel 1953; Kaplan and Meier 1958.

    Examples:
        Three incidents took 1, 2 and 3 hours; a fourth has been open for 10.

        >>> durations([0] * 4, [1.0, 2.0, 3.0, 10.0], [False, False, False, True], groups=1)
        Durations(ended=array([3]), left_open=array([1]),
                  mean=array([5.33333333]), median=array([2.5]))
    """
    who = np.asarray(group, dtype=np.int64)
    time = np.asarray(duration, dtype=np.float64)
    runs = np.asarray(is_open, dtype=bool)
    if not (np.isfinite(time) & (time >= 0)).all():
        raise ValueError("a time is negative or missing")
    if who.size and (who.min() < 0 or who.max() >= groups):
        raise ValueError(f"a group is outside 0 to {groups - 1}")
    # one order of adding whatever the order of the rows; ends come before those open as long
    order = np.lexsort((runs, time, who))
    who, time, runs = who[order], time[order], runs[order]
    ended = np.bincount(who[~runs], minlength=groups)
    size = np.bincount(who, minlength=groups)
    total = np.bincount(who, weights=time, minlength=groups)

    first = np.cumsum(size) - size
    at_risk = (first + size)[who] - np.arange(who.size)
    # the last of a group leaves nobody: any step below ½ says so
    step = np.where(at_risk > 1, np.log1p(-1.0 / np.maximum(at_risk, 2)), -1.0)
    reached = np.cumsum(np.where(runs, 0.0, step))
    before = np.concatenate([[0.0], reached])[first]
    halved = (reached - before[who] <= -np.log(2.0) + _TIE) & ~runs
    ends = np.flatnonzero(halved)
    there, at = np.unique(who[ends], return_index=True)
    least = ends[at]
    # half have ended until the next one does; of the last of all nothing more is known
    then = ends[np.minimum(at + 1, ends.size - 1)] if ends.size else least
    is_half = np.abs(reached[least] - before[there] + np.log(2.0)) <= _TIE
    then = np.where(is_half & (who[then] == there), then, least)
    median = np.full(groups, np.nan)
    median[there] = (time[least] + time[then]) / 2
    return Durations(ended, size - ended, ratio(total, ended), median)
