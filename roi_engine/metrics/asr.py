"""Intervals for ratios of sums over a window of days: shares, ratios, returns.

The interval is for the process behind the days, not for the days themselves: the realised ratio
is exact and needs none.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

Scale: TypeAlias = Literal["share", "ratio", "linear"]

BLOCK_DAYS = 7
PERSISTENCE = 0.1
"""Lag-1 autocorrelation of the residuals over which days are not treated as independent.

Low, because 28 days estimate it badly: docs/decisions/0007-persistent-days.md.
"""


def ratio_interval(
    numerator: ArrayLike,
    denominator: ArrayLike,
    is_present: ArrayLike,
    scale: Scale,
    level: float = 0.95,
) -> Interval:
    """Return each row's ratio of sums over its window, with its interval.

        R = X / Y, X = Σ x_d, Y = Σ y_d
        residuals d_d = (x_d − R·y_d) / (1 − y_d/Y)
        se² = Σ d_d² / Y², df = min(n − 1, max(1, 1/Σ(y_d/Y)² − 1)), Student's t

    ``share`` works on the logit scale (a share at 0 or 1 has no interval), ``ratio`` on the log
    scale where R > 0 and on the linear one elsewhere, ``linear`` always on the linear one. Where
    the lag-1 autocorrelation of d exceeds 0.1 the same sums run over blocks of 7 days with
    t(3); a window that fills fewer than four blocks loses one degree a block, and one that fills
    a single block keeps its days.

    Args:
        numerator: x, shape (rows, days), the last day last; 0 where a day has no row.
        denominator: y, the whole day's sum, same shape.
        is_present: Whether the day has a row, same shape.
        scale: Which scale the interval is built on.
        level: Nominal coverage.

    Returns:
        Ratio, low and high; NaN where Y ≤ 0, n < 2, or one day is all of the denominator.

    Raises:
        ValueError: The days of a window do not divide into blocks of 7.

    Source: metrics.md §5, intervals; linearised ratio with leverage correction.

    Examples:
        >>> spend = np.ones((1, 28))
        >>> won = np.tile([0.4, 0.6, 0.5, 0.5], 7).reshape(1, 28)
        >>> share, low, high = ratio_interval(won, spend, spend > 0, "share")
        >>> share.round(3), low.round(3), high.round(3)
        (array([0.5]), array([0.472]), array([0.528]))
    """
    x = np.asarray(numerator, dtype=np.float64)
    y = np.asarray(denominator, dtype=np.float64)
    present = np.asarray(is_present, dtype=bool)
    if x.shape[-1] % BLOCK_DAYS:
        raise ValueError(f"a window of {x.shape[-1]} days has no whole blocks of {BLOCK_DAYS}")
    estimate = ratio(x.sum(axis=-1), y.sum(axis=-1))

    error, df, residual = _standard_error(x, y, present, estimate)
    blocked = _persistence(residual, present) > PERSISTENCE
    if blocked.any():
        shape = (*x.shape[:-1], x.shape[-1] // BLOCK_DAYS, BLOCK_DAYS)
        filled = np.asarray(present.reshape(shape).any(axis=-1))
        block_error, _, _ = _standard_error(
            x.reshape(shape).sum(axis=-1), y.reshape(shape).sum(axis=-1), filled, estimate
        )
        blocked &= filled.sum(axis=-1) > 1
        error = np.where(blocked, block_error, error)
        df = np.where(blocked, np.minimum(3, filled.sum(axis=-1) - 1), df)

    usable = np.isfinite(error) & (df > 0)
    reach = stdtrit(np.where(usable, df, 1.0), 0.5 + level / 2) * np.where(usable, error, np.nan)
    low, high = _on_scale(estimate, reach, scale)
    return Interval(estimate, low, high)


def _standard_error(
    x: Floats, y: Floats, present: NDArray[np.bool_], estimate: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return se, degrees of freedom and the residuals; NaN where a part is all of Y."""
    whole = y.sum(axis=-1)
    safe = np.where(whole > 0, whole, 1.0)[..., None]
    share = y / safe
    leverage = 1.0 - share
    raw = x - np.where(np.isfinite(estimate), estimate, 0.0)[..., None] * y
    degenerate = np.abs(leverage) < 1e-9
    residual = raw / np.where(degenerate, 1.0, leverage)
    error = np.sqrt((residual**2).sum(axis=-1)) / safe[..., 0]
    concentration = np.maximum((share**2).sum(axis=-1), 1e-300)
    df = np.minimum(present.sum(axis=-1) - 1.0, np.maximum(1.0, 1.0 / concentration - 1.0))
    defined = (whole > 0) & ~(degenerate & present).any(axis=-1)
    return np.where(defined, error, np.nan), df, residual


def _persistence(residual: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return the lag-1 autocorrelation over neighbouring days that both have a row."""
    count = np.maximum(present.sum(axis=-1, keepdims=True), 1)
    mean = np.where(present, residual, 0.0).sum(axis=-1, keepdims=True) / count
    centred = np.where(present, residual - mean, 0.0)
    spread = (centred**2).sum(axis=-1)
    together = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1)
    return np.where(spread > 0, together / np.where(spread > 0, spread, 1.0), 0.0)


def _on_scale(estimate: Floats, reach: Floats, scale: Scale) -> tuple[Floats, Floats]:
    """Put estimate ± reach on the scale asked for; what is not finite there is NaN."""
    nan = np.full_like(estimate, np.nan)
    if scale == "linear":
        return estimate - reach, estimate + reach
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "share":
            inside = (estimate > 0) & (estimate < 1)
            centre = np.where(inside, estimate, 0.5)
            step = reach / (centre * (1 - centre))
            low, high = expit(logit(centre) - step), expit(logit(centre) + step)
            return np.where(inside, low, nan), np.where(inside, high, nan)
        positive = estimate > 0
        centre = np.where(positive, estimate, 1.0)
        factor = np.exp(reach / centre)
        low = np.where(positive, centre / factor, estimate - reach)
        high = np.where(positive, centre * factor, estimate + reach)
    return np.where(np.isfinite(low), low, nan), np.where(np.isfinite(high), high, nan)
