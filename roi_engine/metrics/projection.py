"""What daily sums will come to: cost, value and their ratios, 30 days or a year ahead.

A small Bayesian regression a series, all of whose matrices depend on the calendar alone: they are
factored once for a window and then serve every row. What is not known of the noise (persistence,
drift, weekdays, trend) is averaged over a fixed grid by its likelihood, never plugged in.
"""

from itertools import product
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, logit, ndtri, stdtr, stdtrit

from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.win_rate import Interval

Sign: TypeAlias = Literal["positive", "linear"]
Scale: TypeAlias = Literal["share", "linear"]

HORIZONS = (30, 90, 365)
WEEK = 7
POINT_DAYS, INTERVAL_DAYS, HISTORY_DAYS = 7, 14, 90
"""Fewer days than these give no projection, or no interval; older days are not looked at."""
PERSISTENCE = ((0.0, 0.35), (0.3, 0.3), (0.6, 0.25), (0.85, 0.1))
"""Lag-1 autocorrelation of the noise, with its prior weight."""
WEEKDAYS = ((0.0, 0.2), (0.5, 0.4), (2.0, 0.4))
"""Spread of the seven weekdays, in standard deviations of the noise."""
DRIFT = ((0.0, 0.55), (0.06, 0.3), (0.2, 0.15))
"""How far the level wanders a day, in standard deviations of the noise."""
TREND = ((0.0, 0.5), (0.02, 0.45), (0.2, 0.05))
"""Spread of a slope a day, in standard deviations of the noise."""
DAMPING = 0.97
"""What is left of a slope from one day to the next; after 30 days it has moved 20 days' worth."""
NEWTON_STEPS = 8
ELASTICITIES = tuple(tenth / 10 for tenth in range(5, 16))
ELASTIC_DAYS, CHI_SQUARE_99 = 28, 6.635
HUBER_STEPS, LAGS = 10, 6
CHUNK = 500
"""Rows at a time: the grid's working space is 108 × rows × days doubles."""
ARCSINH_T = np.linspace(-12.0, 12.0, 8001)
"""Where the distribution of t is tabulated: read off a table it costs a fiftieth, to 1e-6."""
TAILS = (0.1, 0.9, 0.025, 0.975)


class Projection(NamedTuple):
    """The path of expected days, and the sum to each horizon with two prediction intervals."""

    daily: Floats
    total: Floats
    low_80: Floats
    high_80: Floats
    low_95: Floats
    high_95: Floats


class CostCurve(NamedTuple):
    """cost = fixed + per_unit · volume^elasticity; the fixed share is that of an average day."""

    fixed: Floats
    per_unit: Floats
    elasticity: Floats
    fixed_share: Floats
    fixed_share_low: Floats
    fixed_share_high: Floats


class _Calendar(NamedTuple):
    """What the days known say of those to come, by part of the covariance, in units of σ²."""

    past: Floats
    cross: Floats
    future: Floats


def project(
    series: ArrayLike,
    horizons: tuple[int, ...] = HORIZONS,
    sign: Sign = "positive",
) -> Projection:
    """Return what each series is expected to come to, with 80 % and 95 % prediction intervals.

        y_t = level + weekday + drift_t + slope·t + AR(1) noise, slope damped by 0.97 a day
        S_h = Σ y over the next h days ~ a mixture of Student's t, n − 1 degrees of freedom,
        over the grid of persistence, weekdays, drift and trend, weighted by likelihood

    ``positive`` reads an interval's reach as that of a log-normal sum of the same mean, so that no
    end is below 0; ``linear`` leaves it (values and losses have either sign).

    Args:
        series: Daily sums, shape (rows, days), the last day last; NaN where a day is missing (a
            day that cost nothing is 0). Only the last 90 days count.
        horizons: Days ahead, each >= 1.
        sign: Whether a sum can be negative.

    Returns:
        ``daily`` of shape (rows, longest horizon), the others (rows, horizons). NaN with fewer
        than 7 days; no interval with fewer than 14, or where all days are alike.

    Raises:
        ValueError: The series are no table, or a horizon is no whole day ahead.

    Source: metrics.md §3, projections; Harville 1974 (random effects), Hamilton 1994 (AR, drift),
        Gardner and McKenzie 1985 (damping).

    Examples:
        >>> weeks = np.tile([10.0, 12, 11, 9, 10, 4, 3], 4) + np.tile([0.5, -0.5], 14)
        >>> ahead = project([weeks], horizons=(7,))
        >>> ahead.total.round(), ahead.low_95.round(), ahead.high_95.round()
        (array([[59.]]), array([[52.]]), array([[66.]]))
    """
    table = np.asarray(series, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError("series are rows of days")
    if not horizons or min(horizons) < 1:
        raise ValueError("a horizon is one day ahead or more")
    table = table[:, -HISTORY_DAYS:]
    rows, width = table.shape[0], max(horizons)
    daily = np.full((rows, width), np.nan)
    total = np.full((rows, len(horizons)), np.nan)
    ends = np.full((len(TAILS), rows, len(horizons)), np.nan)
    patterns, member = np.unique(np.isfinite(table), axis=0, return_inverse=True)
    for number, present in enumerate(patterns):
        if present.sum() < POINT_DAYS:
            continue
        group = np.flatnonzero(member.reshape(-1) == number)
        for begin in range(0, group.size, CHUNK):
            mine = group[begin : begin + CHUNK]
            daily[mine], total[mine], ends[:, mine] = _project(
                table[np.ix_(mine, np.flatnonzero(present))], present, horizons
            )
    if sign == "positive":
        ends = _as_positive(total, ends)
        daily, total = np.maximum(daily, 0.0), np.maximum(total, 0.0)
    return Projection(daily, total, *ends)


def project_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    horizons: tuple[int, ...] = HORIZONS,
    scale: Scale = "linear",
) -> Projection:
    """Return the ratio of two projected sums, with its prediction intervals.

        R = X / Y of the projected sums; its error is that of Σ (x − R·y) over Y

    Args:
        numerator: x, shape (rows, days), e.g. net value, or spend on autonomous success.
        denominator: y, same shape, >= 0: cost, or spend.
        horizons: Days ahead, each >= 1.
        scale: ``share`` builds the interval on the logit scale.

    Returns:
        As ``project``; ``daily`` is the ratio of each day. NaN where the projected denominator
        is not positive; a share at 0 or 1 has no interval.

    Source: metrics.md §3 (projections of ROI and ASR), §5 (the linearised ratio).

    Examples:
        >>> cost = np.tile([10.0, 12, 11, 9, 10, 4, 3], 4) + np.tile([0.5, -0.5], 14)
        >>> net = 0.4 * cost + np.tile([0.2, 0.0, -0.2, 0.0], 7)
        >>> ahead = project_ratio([net], [cost], horizons=(30,))
        >>> ahead.total.round(2), ahead.low_95.round(2), ahead.high_95.round(2)
        (array([[0.4]]), array([[0.38]]), array([[0.42]]))
    """
    x, y = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    above = project(x, horizons, "linear")
    below = project(y, horizons, "positive")
    total = ratio(above.total, below.total)
    columns = [
        _ratio_ends(x - total[:, [at]] * y, days, total[:, at], below.total[:, at])
        for at, days in enumerate(horizons)
    ]
    ends = np.stack(columns, axis=-1)
    if scale == "share":
        inside = (total > 0) & (total < 1)
        centre = np.where(inside, total, 0.5)
        reach = (ends - centre) / (centre * (1 - centre))
        ends = np.where(inside, expit(logit(centre) + reach), np.nan)
    return Projection(ratio(above.daily, below.daily), total, *ends)


def fit_cost_curve(cost: ArrayLike, volume: ArrayLike) -> CostCurve:
    """Return how a day's cost follows the day's requests: a fixed part and one that grows.

        cost = F + v·volume^e, F >= 0, v >= 0

    Huber's regression on the days that have both. The elasticity e is 1 unless volumes differ at
    least fourfold over 28 days and another e from 0.5 to 1.5 lowers the squared error
    significantly (1 %). The fixed share has a 95 % interval that allows for errors alike from day
    to day (Newey and West, six lags); volumes that hardly vary leave it at 0 to 1.

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
        error = np.abs(scaled_cost - intercept[:, None] - slope[:, None] * scaled_volume)
        middle = np.nan_to_num(_masked_median(error, seen)) * 1.345 * 1.4826
        bound = np.maximum(middle, 1e-9)[:, None]
        weight = seen * np.minimum(1.0, bound / np.maximum(error, 1e-300))

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
    whole = np.maximum(weight.sum(axis=1), 1e-300)
    mean_x = (weight * x).sum(axis=1) / whole
    fitted = intercept + slope * mean_x
    score = weight * (x - mean_x[:, None]) * (c - intercept[:, None] - slope[:, None] * x)
    spread = (score**2).sum(axis=1)
    for lag in range(1, LAGS + 1):
        alike = (score[:, lag:] * score[:, :-lag]).sum(axis=1)
        spread = spread + 2 * (1 - lag / (LAGS + 1)) * alike
    varies = (weight * (x - mean_x[:, None]) ** 2).sum(axis=1)
    error = ratio(np.sqrt(np.maximum(spread, 0.0)) * mean_x, varies * fitted)
    t = stdtrit(np.maximum(days - 2.0, 1.0), 0.975)
    still = varies <= 1e-9 * whole
    reach = np.where(still | ~np.isfinite(error), 1.0, t * np.nan_to_num(error))
    return np.nan_to_num(ratio(intercept, fitted)), reach


def _masked_median(values: Floats, seen: NDArray[np.bool_]) -> Floats:
    count = seen.sum(axis=1)
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    rows = np.arange(count.size)
    last = np.maximum(count - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan)


def _ratio_ends(residual: Floats, days: int, centre: Floats, whole: Floats) -> Floats:
    left = project(residual, (days,), "linear")
    return np.stack([centre + ratio((end - left.total)[:, 0], whole) for end in left[2:]])


def _project(
    y: Floats, present: NDArray[np.bool_], horizons: tuple[int, ...]
) -> tuple[Floats, Floats, Floats]:
    """Project rows that have the same days; the grid is averaged by each row's likelihood.

    Axes of the sums: g the grid, c the parts of the covariance, r rows, i days, h horizons.
    """
    parts = _calendar(np.flatnonzero(present) - present.size, horizons)
    until = np.array(horizons)
    middle = y.mean(axis=1, keepdims=True)
    reach = np.abs(y - middle).max(axis=1, keepdims=True)
    varies = (reach > 1e-9 * np.abs(middle))[:, 0]
    size = np.where(varies[:, None], reach, 1.0)
    y, freedom = (y - middle) / size, y.shape[1] - 1

    covariance = np.einsum("gc,cij->gij", GRID, parts.past)
    inverse = np.linalg.inv(covariance)
    ones = inverse.sum(axis=2)
    information = ones.sum(axis=1)
    level = (ones @ y.T) / information[:, None]
    solved = y @ inverse - level[..., None] * ones[:, None, :]
    squares = np.maximum((solved * y).sum(axis=2), 1e-24)

    evidence = (
        np.log(GRID_PRIOR)[:, None]
        - 0.5 * (np.linalg.slogdet(covariance)[1] + np.log(information))[:, None]
        - 0.5 * freedom * np.log(squares)
    )
    weight = np.exp(evidence - evidence.max(axis=0))
    weight /= weight.sum(axis=0)

    cross = np.einsum("gc,chi->ghi", GRID, parts.cross.cumsum(axis=1)[:, until - 1])
    centre = until * level[..., None] + solved @ cross.transpose(0, 2, 1)
    # the level's own error counts as often as the past does not already say what is to come
    slack = until - (cross @ ones[..., None])[..., 0]
    variance = (
        GRID @ parts.future
        - ((cross @ inverse) * cross).sum(axis=2)
        + slack**2 / information[:, None]
    )
    spread = np.sqrt(squares[..., None] / freedom * variance[:, None, :])

    said = np.tensordot(GRID.T, weight[..., None] * solved, axes=1)
    daily = np.einsum("cri,cdi->rd", said, parts.cross, optimize=True)
    daily += (weight * level).sum(axis=0)[:, None]
    total = (weight[..., None] * centre).sum(axis=0)
    ends = np.full((len(TAILS), *total.shape), np.nan)
    if y.shape[1] >= INTERVAL_DAYS and varies.any():
        mixture = weight[:, varies], centre[:, varies], spread[:, varies]
        for at, tail in enumerate(TAILS):
            ends[at, varies] = _quantile(tail, *mixture, freedom)
    return middle + size * daily, until * middle + size * total, until * middle + size * ends


def _calendar(ago: NDArray[np.int64], horizons: tuple[int, ...]) -> _Calendar:
    ahead = np.arange(max(horizons))
    future = _parts(ahead, ahead).cumsum(axis=1).cumsum(axis=2)
    until = np.array(horizons) - 1
    return _Calendar(_parts(ago, ago), _parts(ahead, ago), future[:, until, until])


def _parts(left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """Return the covariance of two sets of days, day 0 the first to come, part by part."""
    i, j = left[:, None], right[None, :]
    noise = [
        np.where(i == j, 1.0, 0.0) if rho == 0 else rho ** np.abs(i - j) for rho, _ in PERSISTENCE
    ]
    # the level wanders away from the last day known in both directions, independently
    drift = np.where((i < 0) == (j < 0), np.minimum(np.abs(i + 1), np.abs(j + 1)), 0.0)
    return np.stack([*noise, (i - j) % WEEK == 0, drift, _slope(i) * _slope(j)])


def _slope(day: NDArray[np.int64]) -> Floats:
    """Return how many days' worth of a slope a day is from the last day known."""
    damped = DAMPING * (1 - DAMPING ** np.maximum(day + 1.0, 0.0)) / (1 - DAMPING)
    return np.where(day < 0, day + 1.0, damped)


def _grid() -> tuple[Floats, Floats]:
    """Return each grid point's factor of each part of the covariance, and its prior weight."""
    noises = np.eye(len(PERSISTENCE))
    points = list(product(range(len(PERSISTENCE)), WEEKDAYS, DRIFT, TREND))
    factors = [[*noises[rho], w[0] ** 2, d[0] ** 2, t[0] ** 2] for rho, w, d, t in points]
    prior = [PERSISTENCE[rho][1] * w[1] * d[1] * t[1] for rho, w, d, t in points]
    return np.array(factors), np.array(prior)


GRID, GRID_PRIOR = _grid()


def _quantile(tail: float, weight: Floats, centre: Floats, spread: Floats, freedom: int) -> Floats:
    """Return the quantile of mixtures of Student's t: Newton, kept inside its bracket."""
    table = stdtr(freedom, np.sinh(ARCSINH_T))
    half = (freedom + 1) / 2
    peak = np.exp(gammaln(half) - gammaln(freedom / 2)) / np.sqrt(freedom * np.pi)
    each = centre + spread * stdtrit(freedom, tail)
    low, high = each.min(axis=0), each.max(axis=0)
    share = np.broadcast_to(weight[..., None], centre.shape)
    at = (share * each).sum(axis=0)
    for _ in range(NEWTON_STEPS):
        t = (at - centre) / spread
        reached = (share * np.interp(np.arcsinh(t), ARCSINH_T, table)).sum(axis=0)
        density = (share * peak * (1 + t * t / freedom) ** -half / spread).sum(axis=0)
        low, high = np.where(reached < tail, at, low), np.where(reached > tail, at, high)
        step = at - (reached - tail) / np.maximum(density, 1e-300)
        at = np.where((step >= low) & (step <= high), step, (low + high) / 2)
    return at


def _as_positive(total: Floats, ends: Floats) -> Floats:
    """Read the ends as those of a log-normal sum with the same mean: none is below 0."""
    z = ndtri(np.array(TAILS))[:, None, None]
    above = total > 0
    mean = np.where(above, total, 1.0)
    with np.errstate(over="ignore"):
        variation = (ends / mean - 1.0) / z
        spread = np.sqrt(np.log1p(variation**2))
        moved = mean * np.exp(z * spread - spread**2 / 2)
    moved = np.where(above, moved, np.maximum(ends, 0.0))
    return np.where(np.isfinite(moved), moved, np.nan)
