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

Sign: TypeAlias = Literal["positive", "linear"]
Scale: TypeAlias = Literal["share", "positive", "linear"]

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
    daily, total, ends = _projected(series, horizons)
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

    ``share`` builds the interval on the logit scale. ``positive`` reads its reach as ``project``
    does that of a sum, as a log-normal's of the same mean, where no day's numerator is below 0: a
    ratio of what cannot be negative is skewed, and even ends about it are left by what comes five
    times as often above as below. ``linear``, and a row with losses, have even ends.

    Args:
        numerator: x, shape (rows, days), e.g. value, or spend on autonomous success.
        denominator: y, same shape, >= 0: cost, or spend.
        horizons: Days ahead, each >= 1.
        scale: Which scale the interval is built on.

    Returns:
        As ``project``; ``daily`` is the ratio of each day. NaN where the projected denominator
        is not positive; a share at 0 or 1 has no interval.

    Source: metrics.md §3 (projections of ROI and ASR), §5 (the linearised ratio).

    Examples:
        >>> cost = np.tile([10.0, 12, 11, 9, 10, 4, 3], 4) + np.tile([0.5, -0.5], 14)
        >>> value = 1.4 * cost + np.tile([0.2, 0.0, -0.2, 0.0], 7)
        >>> ahead = project_ratio([value], [cost], horizons=(30,), scale="positive")
        >>> ahead.total.round(2), ahead.low_95.round(2), ahead.high_95.round(2)
        (array([[1.4]]), array([[1.38]]), array([[1.42]]))
    """
    x, y = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    above, whole_above, _ = _projected(x, horizons, tails=())
    below, whole_below, _ = _projected(y, horizons, tails=())
    below, whole_below = np.maximum(below, 0.0), np.maximum(whole_below, 0.0)
    total = ratio(whole_above, whole_below)
    columns = []
    for at, days in enumerate(horizons):
        _, left, left_ends = _projected(x - total[:, [at]] * y, (days,), path=False)
        away = [ratio((end - left)[:, 0], whole_below[:, at]) for end in left_ends]
        columns.append(total[:, at] + np.stack(away))
    ends = np.stack(columns, axis=-1)
    if scale == "positive":
        is_skewed = (total > 0) & ~(x < 0).any(axis=1, keepdims=True)
        skewed = _as_positive(*(np.where(is_skewed, part, 1.0) for part in (total, ends)))
        ends = np.where(is_skewed, skewed, ends)
    if scale == "share":
        inside = (total > 0) & (total < 1)
        centre = np.where(inside, total, 0.5)
        reach = (ends - centre) / (centre * (1 - centre))
        ends = np.where(inside, expit(logit(centre) + reach), np.nan)
    return Projection(ratio(above, below), total, *ends)


def _projected(
    series: ArrayLike,
    horizons: tuple[int, ...],
    tails: tuple[float, ...] = TAILS,
    *,
    path: bool = True,
) -> tuple[Floats, Floats, Floats]:
    """Return daily, total and ends on the linear scale; no path where none is asked for."""
    table = np.asarray(series, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError("series are rows of days")
    if not horizons or min(horizons) < 1:
        raise ValueError("a horizon is one day ahead or more")
    table = table[:, -HISTORY_DAYS:]
    rows, width = table.shape[0], max(horizons) if path else 0
    daily = np.full((rows, width), np.nan)
    total = np.full((rows, len(horizons)), np.nan)
    ends = np.full((len(tails), rows, len(horizons)), np.nan)
    patterns, member = np.unique(np.isfinite(table), axis=0, return_inverse=True)
    for number, present in enumerate(patterns):
        if present.sum() < POINT_DAYS:
            continue
        group = np.flatnonzero(member.reshape(-1) == number)
        for begin in range(0, group.size, CHUNK):
            mine = group[begin : begin + CHUNK]
            daily[mine], total[mine], ends[:, mine] = _project(
                table[np.ix_(mine, np.flatnonzero(present))], present, horizons, tails, path=path
            )
    return daily, total, ends


def _project(
    y: Floats,
    present: NDArray[np.bool_],
    horizons: tuple[int, ...],
    tails: tuple[float, ...],
    *,
    path: bool,
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

    daily = np.empty((y.shape[0], 0))
    if path:
        said = np.tensordot(GRID.T, weight[..., None] * solved, axes=1)
        daily = np.einsum("cri,cdi->rd", said, parts.cross, optimize=True)
        daily += (weight * level).sum(axis=0)[:, None]
    total = (weight[..., None] * centre).sum(axis=0)
    ends = np.full((len(tails), *total.shape), np.nan)
    if y.shape[1] >= INTERVAL_DAYS and varies.any():
        mixture = weight[:, varies], centre[:, varies], spread[:, varies]
        for at, tail in enumerate(tails):
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
