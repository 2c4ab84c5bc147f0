"""How much more gets done in an hour than by people on the same cases.

Hard cases go to people, so their plain average is no baseline: it is taken stratum by stratum
(task × difficulty × channel) and weighted by the agent's own mix.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from roi_engine.metrics.roi import Floats, ratio

POOLED_WEIGHT = 10.0
"""Degrees of freedom that a stratum's neighbours lend to its coefficient of variation."""

_MAX_SQUARED_CV = 4.0
"""Cap on the squared coefficient of variation in the degrees of freedom: a log-normal of σ = 1.27.

Beyond it, two or three long cases decide, and the fourth power of their spread says nothing.
"""


class Strata(NamedTuple):
    """Minutes by stratum, shape (rows, strata): number of cases, Σ minutes, Σ minutes²."""

    cases: ArrayLike
    minutes: ArrayLike
    squares: ArrayLike


class Standardised(NamedTuple):
    """A figure over the covered part of a mix, its interval, and the share not covered."""

    estimate: Floats
    low: Floats
    high: Floats
    uncovered: Floats


class _Mean(NamedTuple):
    """A weighted mean of strata, its squared error on the log scale, and what df needs of it."""

    mean: Floats
    square_error: Floats
    satterthwaite: Floats


def standardised_baseline(
    mix: ArrayLike, baseline: Strata, max_uncovered: float = 0.0, level: float = 0.95
) -> Standardised:
    """Return the minutes a case would take people on this mix of cases.

        B = Σ_s w_s · x̄_s, w_s = cases_s / Σ cases over the strata that people worked in
        uncovered = cases in strata that nobody else worked in / all cases

    The interval is Student's t on the log scale. Handle times are skewed, so each stratum's
    squared coefficient of variation c_s = s²/x̄² is drawn towards the row's pooled c with the
    weight of 10 cases, and n − 1 is divided by 1 + 4c + 5.5c² + 3c³ + c⁴/2, which is what the
    estimate of c itself varies by where times are log-normal.

    Args:
        mix: The agent's cases, shape (rows, strata).
        baseline: What people needed, same shape or one row for all.
        max_uncovered: Share of cases without overlap up to which the rest still speaks.
        level: Nominal coverage.

    Returns:
        Minutes a case; NaN where the uncovered share exceeds ``max_uncovered``, or all is
        uncovered; without an interval where no stratum has two cases.

    Source: metrics.md §3 (counterfactual), §6; direct standardisation; the delta method.

    Examples:
        People need 5 minutes for easy cases and 20 for hard ones; the agent gets mostly easy ones.

        >>> people = Strata([[20, 30]], [[100.0, 600.0]], [[550.0, 13000.0]])
        >>> found = standardised_baseline([[90, 10]], people)
        >>> found.estimate, found.low.round(2), found.high.round(2)
        (array([6.5]), array([5.84]), array([7.23]))
        >>> standardised_baseline([[90, 10]], Strata([[20, 0]], [[100.0, 0.0]], [[550.0, 0.0]]))
        Standardised(estimate=array([nan]), low=array([nan]), high=array([nan]),
                     uncovered=array([0.1]))
    """
    weight, uncovered = _overlap(mix, baseline.cases, max_uncovered)
    found = _mean(weight, baseline)
    reach = _reach((found,), level)
    low, high = found.mean * np.exp(-reach), found.mean * np.exp(reach)
    return Standardised(found.mean, low, high, uncovered)


def productivity_delta(
    agent: Strata, baseline: Strata, max_uncovered: float = 0.0, level: float = 0.95
) -> Standardised:
    """Return how many more cases an hour brings than people would manage on the same mix.

        delta = B / A − 1, A and B: minutes a case of the agent and of people, both weighted by
        the agent's mix over the strata that both worked in

    Throughput is the inverse of minutes, so 1.0 means twice as many cases an hour. The interval
    is built on log(B/A) as in ``standardised_baseline``, Satterthwaite's df over both sides.

    Args:
        agent: The agent's own minutes.
        baseline: What people needed, same shape or one row for all.
        max_uncovered: Share of cases without overlap up to which the rest still speaks.
        level: Nominal coverage.

    Returns:
        Relative change, > −1; NaN as in ``standardised_baseline`` and where the agent took no
        time at all.

    Source: metrics.md §6, productivity delta.

    Examples:
        >>> people = Strata([[20, 30]], [[100.0, 600.0]], [[550.0, 13000.0]])
        >>> agent = Strata([[90, 10]], [[270.0, 120.0]], [[900.0, 1500.0]])
        >>> delta = productivity_delta(agent, people)
        >>> delta.estimate.round(3), delta.low.round(3), delta.high.round(3)
        (array([0.667]), array([0.467]), array([0.894]))
    """
    weight, uncovered = _overlap(agent.cases, baseline.cases, max_uncovered)
    own, people = _mean(weight, agent), _mean(weight, baseline)
    quotient = ratio(people.mean, own.mean)
    reach = _reach((own, people), level)
    low, high = quotient * np.exp(-reach) - 1, quotient * np.exp(reach) - 1
    return Standardised(quotient - 1, low, high, uncovered)


def quality_adjusted_productivity(
    cases: ArrayLike, hours: ArrayLike, good: ArrayLike, judged: ArrayLike
) -> Floats:
    """Return good cases an hour: throughput that counts only what was done well.

        cases / hours · good / judged

    Args:
        cases: Cases ended.
        hours: Hours worked on them.
        good: Judged cases that were resolved at first contact, not reopened, not hallucinated.
        judged: Cases whose quality is known.

    Returns:
        Cases an hour; NaN without hours or without judged cases.

    Source: metrics.md §6, quality-adjusted productivity.

    Examples:
        >>> quality_adjusted_productivity([120, 120], [10.0, 10.0], [45, 0], [50, 0])
        array([10.8,  nan])
    """
    return ratio(cases, hours) * ratio(good, judged)


def utilisation(worked: ArrayLike, duty: ArrayLike) -> Floats:
    """Return how much of their time on duty people worked on tasks.

        worked / duty

    It is not cut at 1: who works longer than the hours on file is over them, and says so.

    Args:
        worked: Time on tasks, in any unit.
        duty: Time on duty in the same unit; NaN where nobody says how many were there.

    Returns:
        The share; NaN without duty, which is not the same as a share of 0.

    Source: metrics.md §6, human utilisation.

    Examples:
        >>> utilisation([6.0, 0.0, 9.0, 1.0, 1.0], [8.0, 8.0, 8.0, 0.0, float("nan")])
        array([0.75 , 0.   , 1.125,   nan,   nan])
    """
    return ratio(worked, duty)


def _overlap(
    mix: ArrayLike, baseline_cases: ArrayLike, max_uncovered: float
) -> tuple[Floats, Floats]:
    """Return the weights over shared strata, NaN in rows without enough, and what is left out."""
    cases = np.nan_to_num(np.asarray(mix, dtype=np.float64))
    others = np.nan_to_num(np.asarray(baseline_cases, dtype=np.float64))
    cases, others = np.broadcast_arrays(cases, others)
    covered = np.where(others > 0, cases, 0.0)
    total, shared = cases.sum(axis=-1), covered.sum(axis=-1)
    uncovered = ratio(total - shared, total)
    enough = (shared > 0) & (uncovered <= max_uncovered)
    return ratio(covered, np.where(enough, shared, np.nan)[..., None]), uncovered


def _mean(weight: Floats, strata: Strata) -> _Mean:
    """Return Σ w·x̄ and, relative to it, its squared error and Σ c_s²/df_s."""
    columns = [np.nan_to_num(np.asarray(part, dtype=np.float64)) for part in strata]
    n, total, squares = (np.broadcast_to(part, weight.shape) for part in columns)
    used = (weight > 0) & (n > 0)
    n = np.where(used, n, 1.0)
    mean = np.where(used, total / n, 0.0)
    own_df = n - 1.0
    spread = np.where(used, np.maximum(squares - total * mean, 0.0), 0.0)
    relative = np.nan_to_num(ratio(spread, mean**2))

    df = own_df.sum(axis=-1, keepdims=True)
    pooled = np.nan_to_num(ratio(relative.sum(axis=-1, keepdims=True), df))
    lent = np.minimum(POOLED_WEIGHT, df - own_df)
    known = own_df + lent
    squared_cv = (relative + lent * pooled) / np.where(known > 0, known, 1.0)

    result = np.where(np.isnan(weight), np.nan, weight * mean).sum(axis=-1)
    part = np.nan_to_num(ratio(weight * mean, result[..., None]))
    error = part**2 * squared_cv / n
    c = np.minimum(pooled, _MAX_SQUARED_CV)
    heavier = 1 + c * (4 + c * (5.5 + c * (3 + c / 2)))
    uncertain = np.nan_to_num(ratio(error**2 * heavier, known)).sum(axis=-1)
    seen = (df[..., 0] > 0) & (result > 0)
    return _Mean(result, np.where(seen, error.sum(axis=-1), np.nan), uncertain)


def _reach(sides: tuple[_Mean, ...], level: float) -> Floats:
    """Return how far the interval goes on the log scale; NaN where nothing says how far."""
    square_error = np.stack([side.square_error for side in sides]).sum(axis=0)
    uncertain = np.stack([side.satterthwaite for side in sides]).sum(axis=0)
    # times that do not vary at all leave no doubt, whatever the df
    df = np.where(square_error > 0, ratio(square_error**2, uncertain), 1.0)
    known = np.isfinite(square_error) & np.isfinite(df)
    # below one degree of freedom t has no useful quantile
    quantile = stdtrit(np.maximum(np.where(known, df, 1.0), 1.0), 0.5 + level / 2)
    reach = quantile * np.sqrt(np.where(known, square_error, np.nan))
    # past e^700 the ends are no doubles: the data say nothing
    return np.where(reach < 700, reach, np.nan)
