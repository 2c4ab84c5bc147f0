"""What became of the tasks of a cohort: outcomes compete, and open tasks are not survivors.

A task that is still open has not failed to succeed; it has not been seen long enough. It counts
among those at risk up to its age and leaves without an outcome.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import wilson

_ROUNDING = 1e-12


class Incidence(NamedTuple):
    """Share of a cohort that came to each outcome, shape (cohorts, outcomes); NaN where unknown.

    ``variance`` is of Greenwood's type; ``effective_size`` is the number of tasks, all of them
    followed to the horizon, that would tell as much.
    """

    estimate: Floats
    low: Floats
    high: Floats
    variance: Floats
    effective_size: Floats


def cumulative_incidence(
    ended: ArrayLike, left_open: ArrayLike, horizon: ArrayLike, level: float = 0.95
) -> Incidence:
    """Return the share of each cohort that ended in each outcome by some age (Aalen–Johansen).

        n_a = tasks that reached age a, d_ja = those that ended there in outcome j, d_a = Σ_j d_ja
        S_a = Π_{b ≤ a} (1 − d_b/n_b)                     still open after age a
        F_j(h) = Σ_{a ≤ h} S_{a−1} · d_ja/n_a
        q_a = (F_j(h) − F_j(a)) / S_a                     what one open after a may still come to
        var = Σ_{a ≤ h} S²_{a−1}/n_a · (λ_j + (1 − λ)·q_a² − (λ_j + (1 − λ)·q_a)²), λ = d/n

    With no task left open this is F·(1 − F)/n, exactly. The interval is Wilson's on the effective
    size m = min(F·(1 − F)/var, (1 − S_h) / Σ S²_{a−1}·λ_a/n_a): the second is what a rare outcome
    that comes when the others come would have, and it is all there is where F is 0 or 1. (The
    complementary log-log interval has none there, and holds 50 to 90 % below 20 tasks.)

    Args:
        ended: Tasks by outcome, shape (cohorts, ages, outcomes); age 0 first, one step each.
        left_open: Tasks last seen open at that age, shape (cohorts, ages); at equal age they
            were at risk when the others ended.
        horizon: h, the last age that counts; one for all, or one a cohort.
        level: Nominal coverage.

    Returns:
        Shares, intervals, variances and effective sizes; NaN for an empty cohort and where nobody
        was followed up to the horizon while some were still open.

    Raises:
        ValueError: The shapes do not belong together, or a horizon is negative.

    Source: metrics.md §3 (cohort), §5 (cohort success); Aalen and Johansen 1978; the variance is
    Gaynor et al. 1993, written as steps of a conditional expectation.

    Examples:
        Of ten tasks, four end well on day 0, two are open since then, and of the four others
        half end well and one badly on day 1.

        >>> ended = [[[4, 0], [2, 1]]]
        >>> found = cumulative_incidence(ended, [[2, 1]], horizon=1)
        >>> found.estimate.round(3), found.low.round(3), found.high.round(3)
        (array([[0.7 , 0.15]]), array([[0.355, 0.028]]), array([[0.908, 0.522]]))
    """
    d = np.asarray(ended, dtype=np.float64)
    c = np.asarray(left_open, dtype=np.float64)
    if d.ndim != 3 or c.shape != d.shape[:2]:
        raise ValueError(f"outcomes of shape {d.shape} and open tasks of shape {c.shape}")
    last = np.broadcast_to(np.asarray(horizon, dtype=np.float64), d.shape[:1])
    if (last < 0).any():
        raise ValueError("a horizon must not be negative")
    ages = d.shape[1]
    counts = np.arange(ages) <= last[:, None]
    total = d.sum(axis=2)
    at_risk = np.cumsum((total + c)[:, ::-1], axis=1)[:, ::-1]

    n = np.maximum(at_risk, 1.0)
    hazard = np.where(counts[..., None], d / n[..., None], 0.0)
    leaving = np.where(counts, total / n, 0.0)
    after = np.cumprod(1.0 - leaving, axis=1)
    before = np.concatenate([np.ones((d.shape[0], 1)), after[:, :-1]], axis=1)
    reached = np.cumsum(before[..., None] * hazard, axis=1)
    share = reached[:, -1] if ages else np.zeros((d.shape[0], d.shape[2]))

    open_after = after[..., None]
    still = np.where(open_after > 0, share[:, None] - reached, 0.0)
    to_come = still / np.where(open_after > 0, open_after, 1.0)
    staying = (1.0 - leaving)[..., None]
    expected = hazard + staying * to_come
    step = np.maximum(hazard + staying * to_come**2 - expected**2, 0.0)
    variance = ((before**2 / n)[..., None] * step).sum(axis=1)

    seen = np.where(counts, (at_risk > 0) | (before <= 0), True).all(axis=1)
    open_in_the_end = after[:, -1] if ages else np.ones(d.shape[0])
    seen &= (last < ages) | (open_in_the_end <= 0)
    rare = _rare_size(before, leaving, n, np.where(counts, at_risk, np.inf))
    # at 0 and 1 nothing varied; what rounding left there is not a variance
    varied = (share > _ROUNDING) & (share < 1.0 - _ROUNDING)
    own = np.where(varied, ratio(share * (1.0 - share), variance), np.nan)
    size = np.fmin(own, rare[:, None])

    known = seen[:, None] & (size > 0)
    share = np.where(known, np.clip(share, 0.0, 1.0), np.nan)
    size = np.where(known, size, np.nan)
    ends = wilson(np.nan_to_num(share * size), np.nan_to_num(size), level)
    # rounding of share × size must not push an end past the share itself
    low, high = np.minimum(ends.low, share), np.maximum(ends.high, share)
    return Incidence(share, low, high, np.where(known, variance, np.nan), size)


def _rare_size(before: Floats, leaving: Floats, n: Floats, at_risk: Floats) -> Floats:
    """Return the effective size for an outcome too rare to have shown a variance.

    Where nothing has ended yet, only those followed to the horizon tell anything.
    """
    gone = (before * leaving).sum(axis=1)
    spread = (before**2 * leaving / n).sum(axis=1)
    followed = at_risk.min(axis=1, initial=np.inf)
    size = ratio(gone, spread)
    return np.where(np.isnan(size), np.where(np.isfinite(followed), followed, 0.0), size)
