"""Is a newer model version worse than the one before it? Both compared on the same mix of work."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from roi_engine.metrics.difference import rate_difference
from roi_engine.metrics.drift import MATERIAL_CHANGE
from roi_engine.metrics.productivity import Strata, productivity_delta
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

KPIS = ("win_rate", "escalation_rate", "hallucination_rate", "cost_per_success", "inference_time")
"""What two versions are compared by."""

LEVEL = 0.99
"""Asked of every agent each day, 95 % would cry wolf for one new version in forty."""

KPI_LEVEL = 1 - (1 - LEVEL) / len(KPIS)
"""Each KPI's own level: all of them together cry wolf no oftener than one alone would."""

Worse: TypeAlias = Literal["lower", "higher"]


class Change(NamedTuple):
    """A KPI of both versions on the same mix, and how many tasks of each were compared.

    ``difference`` is new minus old for a rate, new over old minus 1 for money and time.
    """

    difference: Interval
    new: Floats
    old: Floats
    new_tasks: Floats
    old_tasks: Floats


class Spending(NamedTuple):
    """What tasks of known cost cost, by kind of work: sums over all, and over the successes."""

    tasks: ArrayLike
    cost: ArrayLike
    cost_squared: ArrayLike
    successes: ArrayLike
    cost_of_successes: ArrayLike


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
    index, size = _index(pair)
    n, m = (np.asarray(tasks, dtype=np.float64) for tasks in (new_tasks, old_tasks))
    k, j = (np.asarray(wins, dtype=np.float64) for wins in (new_successes, old_successes))
    shared = (n > 0) & (m > 0)
    weight = np.where(shared, n * m / np.where(shared, n + m, 1.0), 0.0)

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


def cost_change(pair: ArrayLike, new: Spending, old: Spending, *, level: float = LEVEL) -> Change:
    """Compare what a success costs two versions, failures paid for, on the same mix of work.

        R = Σ w_i·x̄_i / Σ w_i·k_i/n_i, x̄_i the mean cost of a task, w_i as in ``rate_change``
        se²(R) = Σ w_i² · var_i(x − R·y) / n_i / (Σ w_i·k_i/n_i)², y = 1 for a success
        Δ = R_new / R_old − 1; log scale, Student's t with Satterthwaite's df

    Args:
        pair: Which comparison a row belongs to.
        new: The newer version's tasks, one row a kind of work.
        old: The older one's.
        level: Nominal coverage.

    Returns:
        One entry a pair, in the unit of the cost; NaN where no kind of work has both, a version
        has no success or no cost, or a kind has one task only.

    Source: metrics.md §9; ratio estimator by linearisation: Cochran 1977, chapter 6.

    Examples:
        Twice the cost a task and the same successes; the sums of 100 tasks each.

        >>> old = Spending([100], [100.0], [150.0], [80], [80.0])
        >>> new = Spending([100], [200.0], [600.0], [80], [160.0])
        >>> change = cost_change([0], new, old)
        >>> change.new, change.old, change.difference.estimate
        (array([2.5]), array([1.25]), array([1.]))
        >>> change.difference.low.round(2), change.difference.high.round(2)
        (array([0.45]), array([1.75]))
    """
    index, size = _index(pair)
    n, m = (np.asarray(side.tasks, dtype=np.float64) for side in (new, old))
    shared = (n > 0) & (m > 0)
    weight = np.where(shared, n * m / np.where(shared, n + m, 1.0), 0.0)

    def total(values: Floats) -> Floats:
        return np.bincount(index, weights=values, minlength=size).astype(np.float64)

    def side(spent: Spending) -> tuple[Floats, Floats, Floats]:
        """Return R, its squared relative error, and Σ of parts² / df for Satterthwaite."""
        tasks, cost, squares, won, cost_won = (
            np.where(shared, np.asarray(part, dtype=np.float64), 0.0) for part in spent
        )
        tasks = np.where(shared, tasks, 1.0)
        wins = total(weight * won / tasks)
        level_of = ratio(total(weight * cost / tasks), wins)
        own = np.nan_to_num(level_of)[index]
        total_residual = cost - own * won
        spread = squares - 2 * own * cost_won + own**2 * won - total_residual**2 / tasks
        freedom = tasks - 1
        # one task has no spread: nothing says how sure the pair is
        variance = np.where(shared, ratio(np.maximum(spread, 0.0), freedom), 0.0)
        part = np.where(shared, weight**2 * variance / tasks, 0.0)
        scale = (level_of * wins) ** 2
        uncertain = np.where(shared, ratio(part**2, freedom), 0.0)
        return level_of, ratio(total(part), scale), ratio(total(uncertain), scale**2)

    new_level, new_error, new_rest = side(new)
    old_level, old_error, old_rest = side(old)
    change = ratio(new_level, old_level)
    change = np.where(change > 0, change, np.nan)
    square_error, rest = new_error + old_error, new_rest + old_rest
    df = np.where(square_error > 0, ratio(square_error**2, rest), 1.0)
    known = np.isfinite(square_error) & np.isfinite(df)
    reach = stdtrit(np.maximum(np.where(known, df, 1.0), 1.0), 0.5 + level / 2) * np.sqrt(
        np.where(known, square_error, np.nan)
    )
    # past e^700 the ends are no doubles: the data say nothing
    reach = np.where(reach < 700, reach, np.nan)
    return Change(
        Interval(change - 1, change * np.exp(-reach) - 1, change * np.exp(reach) - 1),
        new_level,
        old_level,
        total(np.where(shared, n, 0.0)),
        total(np.where(shared, m, 0.0)),
    )


def time_change(pair: ArrayLike, new: Strata, old: Strata, *, level: float = LEVEL) -> Change:
    """Compare how long two versions take over a task, on the newer one's mix of work.

        Δ = T_new / T_old − 1, the inverse of ``productivity_delta`` and its interval

    Args:
        pair: Which comparison a row belongs to.
        new: Tasks, Σ time and Σ time² of the newer version, one row a kind of work.
        old: The older one's.
        level: Nominal coverage.

    Returns:
        One entry a pair, in the unit of the time; NaN where no kind of work has both.

    Source: metrics.md §9; the interval of §6.

    Examples:
        >>> change = time_change(
        ...     [0], Strata([50], [200.0], [1000.0]), Strata([50], [100.0], [250.0])
        ... )
        >>> change.new, change.old, change.difference.estimate
        (array([4.]), array([2.]), array([1.]))
        >>> change.difference.low.round(2), change.difference.high.round(2)
        (array([0.52]), array([1.63]))
    """
    index, size = _index(pair)
    order = np.argsort(index, kind="stable")
    counts = np.bincount(index, minlength=size)
    starts = np.cumsum(counts) - counts
    place = np.empty_like(index)
    place[order] = np.arange(index.size) - starts[index[order]]
    shape = (size, int(counts.max()) if size else 1)

    def laid(strata: Strata) -> Strata:
        parts = []
        for flat in strata:
            part = np.zeros(shape)
            part[index, place] = np.asarray(flat, dtype=np.float64)
            parts.append(part)
        return Strata(*parts)

    first, second = laid(new), laid(old)
    faster = productivity_delta(first, second, max_uncovered=1.0, level=level)
    cases, others = np.asarray(first.cases), np.asarray(second.cases)
    shared = (cases > 0) & (others > 0)
    weight = np.where(shared, cases, 0.0)
    level_of = [
        ratio(
            (weight * np.nan_to_num(ratio(side.minutes, side.cases))).sum(axis=1),
            weight.sum(axis=1),
        )
        for side in (first, second)
    ]
    slower = Interval(
        *(ratio(1.0, 1 + end) - 1 for end in (faster.estimate, faster.high, faster.low))
    )
    return Change(
        slower,
        level_of[0],
        level_of[1],
        weight.sum(axis=1),
        np.where(shared, others, 0.0).sum(axis=1),
    )


def _index(pair: ArrayLike) -> tuple[NDArray[np.int64], int]:
    index = np.asarray(pair, dtype=np.int64)
    return index, int(index.max()) + 1 if index.size else 0


def regressed(
    change: Change, min_group_size: int = 30, worse: Worse = "lower"
) -> NDArray[np.bool_]:
    """Say where the newer version is worse beyond doubt, and by more than nothing.

        worse = lower: high(Δ) < 0; worse = higher: low(Δ) > 0
        and |new − old| ≥ 2 % of old, and at least min_group_size tasks of each version compared

    Args:
        change: What ``rate_change``, ``cost_change`` or ``time_change`` returned.
        min_group_size: Fewer tasks than this on either side decide nothing.
        worse: Which way is down.

    Returns:
        One flag a pair.

    Source: metrics.md §9.

    Examples:
        >>> regressed(rate_change([0, 1], [60, 6], [100, 10], [90, 9], [100, 10])).tolist()
        [True, False]
        >>> more = rate_change([0], [30], [100], [5], [100])
        >>> regressed(more).tolist(), regressed(more, worse="higher").tolist()
        ([False], [True])
    """
    enough = (change.new_tasks >= min_group_size) & (change.old_tasks >= min_group_size)
    with np.errstate(invalid="ignore"):
        matters = np.abs(change.new - change.old) >= MATERIAL_CHANGE * np.abs(change.old)
        certain = change.difference.high < 0 if worse == "lower" else change.difference.low > 0
    return enough & matters & certain
