"""How a day's cost follows the day's requests, and what another workload makes of a projection."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from roi_engine.metrics.projection import INTERVAL_DAYS, Projection
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

ELASTICITIES = tuple(tenth / 10 for tenth in range(5, 16))
ELASTIC_DAYS, CHI_SQUARE_99 = 28, 6.635
HUBER_STEPS, LAGS = 10, 7
LEAST_DAY = 0.05
"""Share of the average day's cost under which a day's error is not taken relative to the day."""


class CostCurve(NamedTuple):
    """cost = fixed + per_unit · volume^elasticity; the fixed share is that of an average day."""

    fixed: Floats
    per_unit: Floats
    elasticity: Floats
    fixed_share: Floats
    fixed_share_low: Floats
    fixed_share_high: Floats


def fit_cost_curve(cost: ArrayLike, volume: ArrayLike) -> CostCurve:
    """Return how a day's cost follows the day's requests: a fixed part and one that grows.

        cost = F + v·volume^e, F >= 0, v >= 0

    Huber's regression, on errors relative to the day, on the days that have both: a busy day's
    cost varies by more, and weighed like a quiet one's it bends the line. The elasticity e is 1
    unless volumes differ at least fourfold over 28 days and another e from 0.5 to 1.5 lowers the
    squared error significantly (1 %). The fixed share has a 95 % interval that allows for errors
    alike from day to day (Newey and West, seven lags, with leverage); volumes that hardly vary
    leave it at 0 to 1.

    Args:
        cost: Daily cost, shape (rows, days); NaN where missing.
        volume: Requests of the same days.

    Returns:
        ``fixed`` (money a day), ``per_unit`` (money per request^e), ``elasticity``, and the
        fixed share of an average day with its interval; NaN with fewer than 14 days or no cost.

    Source: metrics.md §3, projections by workload scenario; Huber 1964; Newey and West 1987.

    Examples:
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> curve = fit_cost_curve([10 + 0.1 * volume], [volume])
        >>> curve.fixed.round(6), curve.per_unit.round(6), curve.fixed_share.round(3)
        (array([10.]), array([0.1]), array([0.304]))
    """
    c, u = np.broadcast_arrays(
        np.asarray(cost, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    )
    if c.shape[1] == 0:
        return CostCurve(*np.full((len(CostCurve._fields), c.shape[0]), np.nan))
    seen = np.isfinite(c) & np.isfinite(u) & (u >= 0)
    days = seen.sum(axis=1)
    usual_volume = ratio(np.where(seen, u, 0).sum(axis=1), days)
    usual_cost = ratio(np.where(seen, c, 0).sum(axis=1), days)
    usable = (days >= INTERVAL_DAYS) & (usual_volume > 0) & (usual_cost > 0)
    scaled_cost = np.where(seen, c / np.where(usable, usual_cost, 1)[:, None], 0.0)
    scaled_volume = np.where(seen, u / np.where(usable, usual_volume, 1)[:, None], 0.0)

    weight = seen.astype(np.float64)
    for _ in range(HUBER_STEPS):
        intercept, slope, _ = _line(scaled_cost, scaled_volume, weight)
        fitted = np.maximum(intercept[:, None] + slope[:, None] * scaled_volume, LEAST_DAY)
        error = np.abs(scaled_cost / fitted - 1)
        middle = np.nan_to_num(_masked_median(error, seen)) * 1.345 * 1.4826
        bound = np.maximum(middle, 1e-9)[:, None]
        weight = seen * bound / np.maximum(error, bound) / fitted**2

    fits = [_line(scaled_cost, scaled_volume**e, weight) for e in ELASTICITIES]
    squares = np.stack([fit[2] for fit in fits])
    best, plain = squares.argmin(axis=0), ELASTICITIES.index(1.0)
    gain = days * np.log(np.maximum(squares[plain], 1e-18) / np.maximum(squares.min(axis=0), 1e-18))
    least = np.where(seen, scaled_volume, np.inf).min(axis=1)
    differs = (scaled_volume.max(axis=1) >= 4 * least) & (days >= ELASTIC_DAYS)
    chosen = np.where(differs & (gain > CHI_SQUARE_99), best, plain)
    rows = np.arange(days.size)
    intercept, slope = (np.stack([fit[part] for fit in fits])[chosen, rows] for part in (0, 1))
    elasticity = np.array(ELASTICITIES)[chosen]
    power = scaled_volume ** elasticity[:, None]

    share, reach = _fixed_share(scaled_cost, power, weight, intercept, slope)
    hide = np.where(usable, 1.0, np.nan)
    return CostCurve(
        hide * intercept * usual_cost,
        hide * slope * usual_cost / np.where(usable, usual_volume, 1) ** elasticity,
        hide * elasticity,
        hide * share,
        hide * np.clip(share - reach, 0, 1),
        hide * np.clip(share + reach, 0, 1),
    )


def workload_factor(curve: CostCurve, multiplier: float) -> Interval:
    """Return by how much cost changes when the volume is multiplied.

        f + (1 − f)·m^e, f the fixed share

    Args:
        curve: A fitted cost curve.
        multiplier: m >= 0, the volume of the scenario over that of the history.

    Returns:
        A factor a row with the interval that comes from not knowing f; 1 at m = 1.

    Raises:
        ValueError: The multiplier is negative.

    Source: metrics.md §3, projections by workload scenario.

    Examples:
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> workload_factor(fit_cost_curve([10 + 0.1 * volume], [volume]), 2.0).estimate.round(3)
        array([1.696])
    """
    if multiplier < 0:
        raise ValueError("a workload cannot be negative")
    grown = multiplier**curve.elasticity
    shares = curve.fixed_share, curve.fixed_share_low, curve.fixed_share_high
    at, one, other = (share + (1 - share) * grown for share in shares)
    return Interval(at, np.minimum(one, other), np.maximum(one, other))


def under_workload(projection: Projection, factor: Interval) -> Projection:
    """Return a projection under another workload; the factor's own uncertainty is added.

        total·g; log-distances of the ends are added in squares where all are positive,
        plain distances elsewhere

    The factor's ends are its 95 % ones and serve both intervals, so the 80 % one is cautious.

    Args:
        projection: Of the workload as it is.
        factor: g, one a row, with its interval (the estimate thrice where it is known).

    Returns:
        The projection of the scenario.

    Source: metrics.md §3, projections by workload scenario.

    Examples:
        >>> from roi_engine.metrics.projection import project
        >>> weeks = np.tile([10.0, 12, 11, 9, 10, 4, 3], 4) + np.tile([0.5, -0.5], 14)
        >>> twice = Interval(np.array([2.0]), np.array([2.0]), np.array([2.0]))
        >>> under_workload(project([weeks], horizons=(7,)), twice).total.round(1)
        array([[117.3]])
    """
    g, low, high = (np.asarray(part)[:, None] for part in factor)
    total = projection.total * g
    ends = [
        _combined(projection.total, end, g, wide)
        for end, wide in zip(projection[2:], (low, high, low, high), strict=True)
    ]
    return Projection(projection.daily * g, total, *ends)


def _combined(total: Floats, end: Floats, factor: Floats, wide: Floats) -> Floats:
    positive = (total > 0) & (end > 0) & (factor > 0) & (wide > 0)
    side = np.where(end < total, -1.0, 1.0)
    safe = [np.where(positive, part, 1.0) for part in (end, total, wide, factor)]
    log_reach = np.hypot(np.log(safe[0] / safe[1]), np.log(safe[2] / safe[3]))
    reach = np.hypot(factor * (end - total), total * (wide - factor))
    plain = factor * total + side * reach
    return np.where(positive, factor * total * np.exp(side * log_reach), plain)


def _line(c: Floats, x: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return intercept and slope >= 0 by weighted least squares, and the squares left."""
    whole = np.maximum(weight.sum(axis=1), 1e-300)
    mean_x, mean_c = (weight * x).sum(axis=1) / whole, (weight * c).sum(axis=1) / whole
    dx = x - mean_x[:, None]
    varies = (weight * dx * dx).sum(axis=1)
    slope = np.nan_to_num(ratio((weight * dx * c).sum(axis=1), varies))
    # through the origin where the fixed part would be negative; flat where the slope would be
    origin = np.nan_to_num(ratio((weight * x * c).sum(axis=1), (weight * x * x).sum(axis=1)))
    still = varies <= 1e-9 * whole
    slope = np.where(still | (mean_c < slope * mean_x), origin, np.maximum(slope, 0.0))
    intercept = np.where(still, 0.0, np.maximum(mean_c - slope * mean_x, 0.0))
    left = c - intercept[:, None] - slope[:, None] * x
    return intercept, slope, (weight * left * left).sum(axis=1)


def _fixed_share(
    c: Floats, x: Floats, weight: Floats, intercept: Floats, slope: Floats
) -> tuple[Floats, Floats]:
    """Return the fixed share of an average day and the reach of its 95 % interval."""
    days = (weight > 0).sum(axis=1)
    whole = weight.sum(axis=1)
    whole = np.where(whole > 0, whole, 1.0)
    mean_x = (weight * x).sum(axis=1) / whole
    usual_x = ratio(np.where(weight > 0, x, 0.0).sum(axis=1), days)
    fitted = intercept + slope * usual_x
    away = x - mean_x[:, None]
    varies = (weight * away**2).sum(axis=1)
    # days that are all alike say nothing of the share: any of it may be fixed
    still = varies <= 1e-9 * whole
    varies = np.where(still, 1.0, varies)
    pull = weight / whole[:, None] + weight * away**2 / varies[:, None]
    left = c - intercept[:, None] - slope[:, None] * x
    # how the share moves with a day's error: through the level, and through the slope
    moved = (slope / whole)[:, None] - ((intercept + slope * mean_x) / varies)[:, None] * away
    score = weight * moved * left / np.maximum(1.0 - pull, 0.1)
    alone = (score**2).sum(axis=1)
    spread = alone.copy()
    for lag in range(1, LAGS + 1):
        alike = (score[:, lag:] * score[:, :-lag]).sum(axis=1)
        spread += 2 * (1 - lag / (LAGS + 1)) * alike
    # few days estimate likeness badly: it may widen, never narrow
    spread = np.maximum(spread, alone)
    error = ratio(np.sqrt(spread) * usual_x, fitted**2)
    t = stdtrit(np.maximum(days / (LAGS + 1.0), 2.0), 0.975)
    reach = np.where(still | ~np.isfinite(error), 1.0, t * np.nan_to_num(error))
    return np.nan_to_num(ratio(intercept, fitted)), reach


def _masked_median(values: Floats, seen: NDArray[np.bool_]) -> Floats:
    count = seen.sum(axis=1)
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    rows = np.arange(count.size)
    last = np.maximum(count - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan)
