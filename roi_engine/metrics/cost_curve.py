"""How a day's cost follows the day's requests: a fixed part, and one that grows with them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from roi_engine.metrics.projection import INTERVAL_DAYS
from roi_engine.metrics.roi import Floats, ratio

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


class ShareCurve(NamedTuple):
    """How the share of a part moves: slope, in average days' cost for an average day's requests."""

    slope: Floats
    reach_80: Floats
    reach_95: Floats


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


def fit_share_curve(
    part: ArrayLike, whole: ArrayLike, volume: ArrayLike, curve: CostCurve
) -> ShareCurve:
    """Return how the share of a cost that goes to a part of it moves with the day's requests.

        r = A − R·C = a + b·volume^e, R = ΣA/ΣC over the days, in units of an average day

    A part and the whole share the day's luck, and R·C takes it off, so that what is left says more
    of the part than two cost curves do. Least squares weighed by what the whole's curve makes of
    the day; errors as those of the fixed share.

    Args:
        part: A, daily cost of the part, shape (rows, days); NaN where missing.
        whole: C, the whole day's cost, same shape.
        volume: Requests of the same days.
        curve: The whole's cost curve, with f and e.

    Returns:
        The slope b and its reach at 80 % and 95 %; no slope and any reach where volumes hardly
        vary, NaN where the whole has no curve.

    Source: metrics.md §3, projections by workload scenario; §5, asr_spend; Newey and West 1987.

    Examples:
        >>> volume = np.tile([100.0, 200, 300, 400, 300, 200, 100], 2)
        >>> whole = 10 + 0.1 * volume
        >>> curve = fit_cost_curve([whole], [volume])
        >>> fit_share_curve([0.1 * volume], [whole], [volume], curve).slope.round(3)
        array([0.212])
    """
    a, c, u = np.broadcast_arrays(
        *(np.asarray(each, dtype=np.float64) for each in (part, whole, volume))
    )
    seen = np.isfinite(a) & np.isfinite(c) & np.isfinite(u) & (u >= 0)
    days = seen.sum(axis=1)
    usual_cost, usual_volume = (
        ratio(np.where(seen, each, 0).sum(axis=1), days)[:, None] for each in (c, u)
    )
    known = np.isfinite(curve.fixed_share)[:, None] & (usual_cost > 0) & (usual_volume > 0)
    share = ratio(np.where(seen, a, 0).sum(axis=1), np.where(seen, c, 0).sum(axis=1))[:, None]
    usable = seen & known
    power = np.where(known, curve.elasticity[:, None], 1.0)
    x = (np.where(usable, u, 0.0) / np.where(known, usual_volume, 1.0)) ** power
    left = np.where(usable, a - share * c, 0.0) / np.where(known, usual_cost, 1.0)
    fixed = np.where(known, curve.fixed_share[:, None], 0.0)
    weight = usable / np.maximum(fixed + (1 - fixed) * x, LEAST_DAY) ** 2

    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    away = x - (weight * x).sum(axis=1, keepdims=True) / total
    varies = (weight * away**2).sum(axis=1, keepdims=True)
    still = varies <= 1e-9 * total
    varies = np.where(still, 1.0, varies)
    slope = np.where(still, 0.0, (weight * away * left).sum(axis=1, keepdims=True) / varies)
    left = left - (weight * left).sum(axis=1, keepdims=True) / total - slope * away
    pull = weight / total + weight * away**2 / varies
    score = weight * away / varies * left / np.maximum(1.0 - pull, 0.1)
    error = np.where(still[:, 0], np.inf, np.sqrt(_newey_west(score)))
    hide = np.where(known[:, 0], 1.0, np.nan)
    freedom = _freedom(days)
    return ShareCurve(
        hide * slope[:, 0], *(hide * stdtrit(freedom, tail) * error for tail in (0.9, 0.975))
    )


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
    error = ratio(np.sqrt(_newey_west(score)) * usual_x, fitted**2)
    t = stdtrit(_freedom(days), 0.975)
    reach = np.where(still | ~np.isfinite(error), 1.0, t * np.nan_to_num(error))
    return np.nan_to_num(ratio(intercept, fitted)), reach


def _newey_west(score: Floats) -> Floats:
    """Return the variance of a sum of what days add, alike from one to the next."""
    alone = (score**2).sum(axis=1)
    spread = alone.copy()
    for lag in range(1, LAGS + 1):
        alike = (score[:, lag:] * score[:, :-lag]).sum(axis=1)
        spread += 2 * (1 - lag / (LAGS + 1)) * alike
    # few days estimate likeness badly: it may widen, never narrow
    return np.maximum(spread, alone)


def _freedom(days: NDArray[np.int64]) -> Floats:
    return np.maximum(days / (LAGS + 1.0), 2.0)


def _masked_median(values: Floats, seen: NDArray[np.bool_]) -> Floats:
    count = seen.sum(axis=1)
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    rows = np.arange(count.size)
    last = np.maximum(count - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan)
