"""Intervals for ratios of sums over a window of days: shares, ratios, returns.

The interval is for the process behind the days, not for the days themselves: the realised ratio
is exact and needs none. What holds how often: docs/decisions/0010-ratios-with-heavy-tails.md and
0011-win-rate-and-days.md.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri, stdtrit

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval, wilson

Scale: TypeAlias = Literal["share", "ratio", "linear"]

BLOCK_DAYS = 7
BLOCK_DF = 3
"""Degrees of freedom of four blocks; however few days decide, no fewer are assumed."""
PERSISTENCE = 0.1
"""Lag-1 autocorrelation of the residuals over which days are not treated as independent.

Low, because 28 days estimate it badly: docs/decisions/0007-persistent-days.md.
"""
SHARE_PERSISTENCE = 0.0
"""The same for shares, which nothing else widens: docs/decisions/0029-intervals-held-to-account.md.
"""
TELLING_TRIALS = 100
"""Trials in a window from which on its days are told apart; with fewer, most hold two or three."""
_ROUNDING = 1e-9


def ratio_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    is_present: ArrayLike,
    scale: Scale,
    level: float = 0.95,
    *,
    cost: ArrayLike = 0.0,
) -> Interval:
    """Return each row's ratio of sums over its window, with its interval.

        R = X / Y, X = Σ x_d, Y = Σ y_d
        residuals d_d = (x_d − R·y_d) / (1 − y_d/Y)
        se² = Σ d_d² / Y², df = min(n − 1, max(1, 1/Σ(y_d/Y)² − 1)), Student's t

    ``share`` works on the logit scale (a share at 0 or 1 has no interval). ``ratio`` works on the
    log scale of what the numerator was before ``cost`` came off, (X + C)/Y, which cannot go below
    0; on the linear one where it does on some day, or is 0. ``linear`` always is linear. On these
    two the best days can be worth ten others and make se itself unsure: df is at most what the
    days' kurtosis k leaves of it, max(3, 2n/(k − 1) − 1). On the linear scale the end to which
    the days are skewed moves out by se·|g|/√n·(2z² + 1)/6, g their skewness.

    Where the lag-1 autocorrelation of d exceeds 0.1 (0 for a share) the same sums run over blocks
    of 7 days with t(3), and the wider of both reaches counts; a window that fills fewer than four
    blocks loses one degree a block, and one that fills a single block keeps its days.

    Args:
        numerator: x, shape (rows, days), the last day last; 0 where a day has no row.
        denominator: y, the whole day's sum, same shape.
        is_present: Whether the day has a row, same shape.
        scale: Which scale the interval is built on.
        level: Nominal coverage.
        cost: c, what x is net of, same shape; 0 where x is no difference. Only for ``ratio``.

    Returns:
        Ratio, low and high; NaN where Y ≤ 0, n < 2, or one day is all of the denominator.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §5, intervals; linearised ratio with leverage correction; Satterthwaite
    1946 for df, Johnson 1978 for the skewed end.

    Examples:
        >>> spend = np.ones((1, 28))
        >>> won = np.tile([0.4, 0.6, 0.5, 0.5], 7).reshape(1, 28)
        >>> share, low, high = ratio_interval(won, spend, spend > 0, "share")
        >>> share.round(3), low.round(3), high.round(3)
        (array([0.5]), array([0.472]), array([0.528]))

        The return on the same money: net of the spend, so it cannot be less than −1.

        >>> roi, low, high = ratio_interval(won - spend, spend, spend > 0, "ratio", cost=spend)
        >>> roi.round(3), low.round(3), high.round(3)
        (array([-0.5]), array([-0.528]), array([-0.471]))
    """
    x = np.asarray(numerator, dtype=np.float64)
    y = np.asarray(denominator, dtype=np.float64)
    present = np.asarray(is_present, dtype=bool)
    if x.shape[-1] % BLOCK_DAYS:
        raise ValueError(f"a window of {x.shape[-1]} days has no whole blocks of {BLOCK_DAYS}")
    estimate = ratio(x.sum(axis=-1), y.sum(axis=-1))

    error, df, residual = _standard_error(x, y, present, estimate)
    if scale != "share":
        df = np.minimum(df, _tail_df(residual, present))
    reach = _reach(error, df, level)
    least = SHARE_PERSISTENCE if scale == "share" else PERSISTENCE
    blocked = persistence(residual, present) > least
    if blocked.any():
        shape = (*x.shape[:-1], x.shape[-1] // BLOCK_DAYS, BLOCK_DAYS)
        filled = np.asarray(present.reshape(shape).any(axis=-1))
        block_error, _, _ = _standard_error(
            x.reshape(shape).sum(axis=-1), y.reshape(shape).sum(axis=-1), filled, estimate
        )
        blocked &= filled.sum(axis=-1) > 1
        block_df = np.minimum(BLOCK_DF, filled.sum(axis=-1) - 1)
        reach = np.where(blocked, np.maximum(_reach(block_error, block_df, level), reach), reach)

    if scale == "share":
        return Interval(estimate, *_on_logit(estimate, reach))
    z = float(ndtri(0.5 + level / 2))
    skew = (_standardised(residual) ** 3).sum(axis=-1) * error * (2 * z * z + 1) / 6
    ends = estimate - reach + np.minimum(skew, 0), estimate + reach + np.maximum(skew, 0)
    if scale == "ratio":
        paid = np.asarray(cost, dtype=np.float64)
        # x is a rounded difference: adding the cost again may miss 0 by its last digit
        below_zero = (x + paid < -_ROUNDING * (np.abs(x) + np.abs(paid))).any(axis=-1)
        height = ratio((x + paid).sum(axis=-1), y.sum(axis=-1))
        height = np.where(below_zero | (height <= 0), np.nan, height)
        ends = _on_log(estimate, reach, height, ends)
    return Interval(estimate, *_finite(*ends))


def rate_interval(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> Interval:
    """Return each row's share of counts over its window, with an interval that sees its days.

    Below 100 trials it is Wilson's, which takes trials as independent; from there on it is
    ``ratio_interval`` of the days' sums on the logit scale, and Wilson's where that has none. At
    5000 trials over days that persist, Wilson's alone holds 51 %: it is sure of what only one
    month was like.

    Args:
        successes: Whole numbers, shape (rows, days), the last day last.
        trials: Of how many, same shape; 0 on a day without any.
        level: Nominal coverage.

    Returns:
        Share and interval, in [0, 1]; NaN without a trial.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §5 (win_rate); Wilson 1927.

    Examples:
        >>> weeks = np.tile([10, 10, 10, 10, 10, 0, 0], (1, 4))
        >>> won = np.repeat([0.9, 0.7, 0.5, 0.9], 7) * weeks
        >>> rate, low, high = rate_interval(won, weeks)
        >>> rate.round(3), low.round(3), high.round(3)
        (array([0.75]), array([0.315]), array([0.951]))
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    by_trial = wilson(k.sum(axis=-1), n.sum(axis=-1), level)
    by_day = ratio_interval(k, n, n > 0, "share", level)
    use_days = (n.sum(axis=-1) >= TELLING_TRIALS) & ~np.isnan(by_day.low)
    return Interval(
        by_trial.estimate,
        np.where(use_days, by_day.low, by_trial.low),
        np.where(use_days, by_day.high, by_trial.high),
    )


def rate_ratio_interval(
    successes: ArrayLike,
    trials: ArrayLike,
    other_successes: ArrayLike,
    other_trials: ArrayLike,
    level: float = 0.95,
) -> Interval:
    """Return one rate over another of the same days, with an interval that sees the days.

        R = p/q, p = Σk/Σn, q = Σj/Σm
        d_d = (k_d − p·n_d) / Σk / (1 − n_d/Σn) − (j_d − q·m_d) / Σj / (1 − m_d/Σm)
        se² = Σ d_d² on the log scale, Student's t with the lesser df of the two sides

    A day that is bad for both is bad for neither against the other: what both share cancels in d.
    Blocks of 7 days count as in ``ratio_interval``.

    Args:
        successes: k, whole numbers, shape (rows, days), the last day last.
        trials: n, same shape; 0 on a day without any.
        other_successes: j of the group that is compared with.
        other_trials: m of it.
        level: Nominal coverage.

    Returns:
        Ratio and interval; NaN where a side has no trial or q is 0, without an interval where
        nobody succeeds or a day is all that a side has.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §9; the delta method on the log of a ratio of linearised rates.

    Examples:
        >>> weeks = np.tile([10, 10, 10, 10, 10, 0, 0], (1, 4))
        >>> shared = np.repeat([0.9, 0.5, 0.7, 0.5], 7) * weeks
        >>> found = rate_ratio_interval(0.8 * shared, weeks, 3 * shared, 3 * weeks)
        >>> found.estimate.round(3), found.low.round(3), found.high.round(3)
        (array([0.8]), array([0.8]), array([0.8]))
    """
    parts = [
        np.asarray(part, dtype=np.float64)
        for part in (successes, trials, other_successes, other_trials)
    ]
    days = parts[0].shape[-1]
    if days % BLOCK_DAYS:
        raise ValueError(f"a window of {days} days has no whole blocks of {BLOCK_DAYS}")
    rates = [ratio(parts[at].sum(axis=-1), parts[at + 1].sum(axis=-1)) for at in (0, 2)]
    estimate = ratio(rates[0], rates[1])

    error, df, residual, present = _log_error(parts, rates)
    reach = _reach(error, df, level)
    shape = (*parts[0].shape[:-1], days // BLOCK_DAYS, BLOCK_DAYS)
    weeks = [part.reshape(shape).sum(axis=-1) for part in parts]
    block_error, block_df, _, _ = _log_error(weeks, rates)
    block_reach = _reach(block_error, np.minimum(block_df, BLOCK_DF), level)
    blocked = (persistence(residual, present) > PERSISTENCE) & np.isfinite(block_reach)
    reach = np.where(blocked, np.fmax(block_reach, reach), reach)
    with np.errstate(over="ignore"):
        return Interval(estimate, *_finite(estimate * np.exp(-reach), estimate * np.exp(reach)))


def _log_error(
    parts: list[Floats], rates: list[Floats]
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Return se of the log ratio, its df, the days' residuals and which days both sides lack."""
    residual, dfs, known = np.zeros_like(parts[0]), [], []
    for sign, rate, (k, n) in zip((1, -1), rates, (parts[:2], parts[2:]), strict=True):
        error, df, left = _standard_error(k, n, n > 0, rate)
        whole = k.sum(axis=-1)
        residual = residual + sign * left / np.where(whole > 0, whole, 1.0)[..., None]
        dfs.append(df)
        known.append(np.isfinite(error) & (whole > 0))
    present = (parts[1] > 0) | (parts[3] > 0)
    error = np.where(known[0] & known[1], np.sqrt((residual**2).sum(axis=-1)), np.nan)
    return error, np.minimum(*dfs), residual, present


def _standard_error(
    x: Floats, y: Floats, present: NDArray[np.bool_], estimate: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return se, degrees of freedom and the residuals; NaN where a part is all of Y."""
    whole = y.sum(axis=-1)
    safe = np.where(whole > 0, whole, 1.0)[..., None]
    share = y / safe
    leverage = 1.0 - share
    raw = x - np.where(np.isfinite(estimate), estimate, 0.0)[..., None] * y
    degenerate = np.abs(leverage) < _ROUNDING
    residual = raw / np.where(degenerate, 1.0, leverage)
    error = np.sqrt((residual**2).sum(axis=-1)) / safe[..., 0]
    concentration = np.maximum((share**2).sum(axis=-1), 1e-300)
    df = np.minimum(present.sum(axis=-1) - 1.0, np.maximum(1.0, 1.0 / concentration - 1.0))
    defined = (whole > 0) & ~(degenerate & present).any(axis=-1)
    return np.where(defined, error, np.nan), df, residual


def _standardised(residual: Floats) -> Floats:
    """Return the residuals in units of √Σd²: their cubes add up to skewness/√n."""
    size = np.sqrt((residual**2).sum(axis=-1, keepdims=True))
    return residual / np.where(size > 0, size, 1.0)


def _tail_df(residual: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return what degrees of freedom the days' kurtosis leaves: n − 1 where it is a normal's.

    A variance from n values varies by (k − 1)/n of its square, one with df degrees by 2/df.
    """
    n = present.sum(axis=-1).astype(np.float64)
    beyond = n * (_standardised(residual) ** 4).sum(axis=-1) - 1.0
    return np.maximum(BLOCK_DF, 2 * n / np.maximum(beyond, _ROUNDING) - 1.0)


def _reach(error: Floats, df: Floats, level: float) -> Floats:
    """Return t·se; NaN where either is not defined."""
    usable = np.isfinite(error) & (df > 0)
    quantile = stdtrit(np.where(usable, df, 1.0), 0.5 + level / 2)
    return np.where(usable, quantile * np.where(usable, error, 0.0), np.nan)


def persistence(residual: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return the lag-1 autocorrelation over neighbouring days that both have a row.

    Args:
        residual: Shape (rows, days).
        present: Whether the day has a row, same shape.

    Returns:
        One a row, from −1 to 1; 0 where nothing varies.

    Source: metrics.md §5, blocks.

    Examples:
        >>> persistence(np.array([[1.0, 1.0, -1.0, -1.0]]), np.ones((1, 4), dtype=bool))
        array([0.25])
    """
    count = np.maximum(present.sum(axis=-1, keepdims=True), 1)
    mean = np.where(present, residual, 0.0).sum(axis=-1, keepdims=True) / count
    centred = np.where(present, residual - mean, 0.0)
    spread = (centred**2).sum(axis=-1)
    together = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1)
    return np.where(spread > 0, together / np.where(spread > 0, spread, 1.0), 0.0)


def _on_logit(share: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Put share ± reach on the logit scale; at 0 and 1 there is none."""
    inside = (share > 0) & (share < 1)
    centre = np.where(inside, share, 0.5)
    step = np.where(inside, reach / (centre * (1 - centre)), np.nan)
    return expit(logit(centre) - step), expit(logit(centre) + step)


def _on_log(
    estimate: Floats, reach: Floats, height: Floats, linear: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Put estimate ± reach on the log scale of its height; without one, the linear ends stay."""
    high_enough = height > 0
    above = np.where(high_enough, height, 1.0)
    with np.errstate(over="ignore"):
        factor = np.exp(reach / above)
        low = np.where(high_enough, estimate - above + above / factor, linear[0])
        high = np.where(high_enough, estimate - above + above * factor, linear[1])
    return low, high


def _finite(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return both ends, or neither."""
    known = np.isfinite(low) & np.isfinite(high)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)
