"""Would the projection have been right? Asked at past days, against simply repeating last week."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.projection import (
    INTERVAL_DAYS,
    WEEK,
    Projection,
    Scale,
    project,
    project_ratio,
)
from roi_engine.metrics.roi import Floats, ratio

HORIZONS = (7, 14, 30)
STEP_DAYS, MOST_ORIGINS, FEWEST_ORIGINS = 7, 12, 3
"""One origin a week, the latest twelve; fewer than three say nothing."""


class Forecaster(Protocol):
    """Whatever projects rows of days: ``project``, or a rival of it."""

    def __call__(self, series: Floats, horizons: tuple[int, ...]) -> Projection:
        """Return the projection of the days after the last column."""


class Backtest(NamedTuple):
    """How a forecaster did, shape (rows, horizons); NaN where fewer than three origins count.

    Errors are of the sum to the horizon, in the unit of the series; ``relative_mae`` under 1 is
    better than the seasonal naive (``beats_naive`` 1, else 0). ``mase`` is of single days.
    """

    origins: Floats
    mae: Floats
    naive_mae: Floats
    relative_mae: Floats
    mase: Floats
    coverage_80: Floats
    coverage_95: Floats
    beats_naive: Floats


def seasonal_naive(series: ArrayLike, days: int) -> Floats:
    """Return the forecast that every day is as the same weekday of the last week.

        ŷ_{n+h} = y_{n+h−7·⌈h/7⌉}

    Args:
        series: Shape (rows, days), at least seven of them, the last day last.
        days: How many to forecast.

    Returns:
        Shape (rows, days); NaN where last week's day is missing.

    Source: metrics.md §3; Hyndman and Athanasopoulos, Forecasting: principles and practice.

    Examples:
        >>> seasonal_naive([[9.0, 1, 2, 3, 4, 5, 6, 7]], 9)
        array([[1., 2., 3., 4., 5., 6., 7., 1., 2.]])
    """
    table = np.asarray(series, dtype=np.float64)
    if table.shape[-1] < WEEK:
        return np.full((table.shape[0], days), np.nan)
    return np.asarray(table[:, -WEEK:][:, np.arange(days) % WEEK])


def backtest(
    series: ArrayLike,
    horizons: tuple[int, ...] = HORIZONS,
    forecaster: Forecaster = project,
) -> Backtest:
    """Return how the forecaster would have done from each past week, and whether it was worth it.

        origins: every 7th day back from the last, at least 14 days into the table
        error = forecast of Σ y over h days − what it came to
        relative MAE = MAE / MAE of the seasonal naive, MASE = daily MAE / mean |y_t − y_{t−7}|

    Origins overlap, so the shares of intervals that held are a check and no promise: few origins
    of one series are far from 95 % by luck alone.

    Args:
        series: Daily sums, shape (rows, days), the last day last; NaN where missing.
        horizons: Days ahead, each >= 1.
        forecaster: What is tested.

    Returns:
        One figure a row and horizon.

    Source: metrics.md §3, rolling-origin back-test; Tashman 2000; Hyndman and Koehler 2006 (MASE).

    Examples:
        >>> noise = np.array([0.0, 3, 1, -2, 4, -1, -3, 2, -4, 0])
        >>> found = backtest([20.0 + np.tile(noise, 7)], horizons=(14,))
        >>> found.origins, found.beats_naive, found.coverage_95
        (array([[7.]]), array([[1.]]), array([[1.]]))
    """
    table = np.asarray(series, dtype=np.float64)

    def score(cut: int, reachable: tuple[int, ...]) -> tuple[Floats, ...]:
        past, future = table[:, :cut], table[:, cut : cut + max(reachable)]
        return _scored(past, future, reachable, forecaster(past, reachable))

    return _tried(table.shape, horizons, score)


def backtest_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    horizons: tuple[int, ...] = HORIZONS,
    scale: Scale = "linear",
) -> Backtest:
    """Return how ``project_ratio`` would have done from each past week.

        error = projected R over h days − Σ x / Σ y as it came
        seasonal naive: both sums repeat the last week, R is their ratio

    Args:
        numerator: x, shape (rows, days), the last day last; NaN where missing.
        denominator: y, same shape.
        horizons: Days ahead, each >= 1.
        scale: As in ``project_ratio``.

    Returns:
        As ``backtest``, in the unit of the ratio; ``mase`` is NaN, a ratio is no sum of days.

    Source: metrics.md §3 (projections of ROI and ASR, rolling-origin back-test).

    Examples:
        >>> cost = 20.0 + np.tile([0.0, 3, 1, -2, 4, -1, -3, 2, -4, 0], 7)
        >>> value = 2 * cost + np.tile([4.0, -3, 0, 6, -5, 2, -3, -1, 1, -4, 3], 7)[:70]
        >>> found = backtest_ratio([value], [cost], horizons=(14,), scale="positive")
        >>> found.origins, found.beats_naive
        (array([[7.]]), array([[1.]]))
    """
    x, y = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)

    def score(cut: int, reachable: tuple[int, ...]) -> tuple[Floats, ...]:
        until = np.array(reachable) - 1
        days = max(reachable)
        came, naive = (
            ratio(*(side.cumsum(axis=1)[:, until] for side in sides))
            for sides in (
                (x[:, cut : cut + days], y[:, cut : cut + days]),
                (seasonal_naive(x[:, :cut], days), seasonal_naive(y[:, :cut], days)),
            )
        )
        ahead = project_ratio(x[:, :cut], y[:, :cut], reachable, scale)
        unscaled = np.full(came.shape, np.nan)
        return np.abs(came - ahead.total), np.abs(came - naive), unscaled, *_held(came, ahead)

    return _tried(x.shape, horizons, score)


def _tried(
    shape: tuple[int, ...],
    horizons: tuple[int, ...],
    score: Callable[[int, tuple[int, ...]], tuple[Floats, ...]],
) -> Backtest:
    """Score every origin and take means; ``score`` is given an origin and its horizons."""
    rows, length = shape
    cuts = range(length - STEP_DAYS, INTERVAL_DAYS - 1, -STEP_DAYS)
    parts: list[list[Floats]] = [[] for _ in range(5)]
    for number, cut in enumerate(cuts):
        reachable = tuple(h for h in horizons if cut + h <= length)
        if not reachable or number >= MOST_ORIGINS + max(horizons) // STEP_DAYS:
            continue
        scored = score(cut, reachable)
        columns = [at for at, h in enumerate(horizons) if h in reachable]
        for part, found in zip(parts, scored, strict=True):
            whole = np.full((rows, len(horizons)), np.nan)
            whole[:, columns] = found
            part.append(whole)
    error, naive, scaled, held_80, held_95 = (
        _latest(np.stack(part) if part else np.empty((0, rows, len(horizons)))) for part in parts
    )
    # both are judged on the same origins
    both = np.isfinite(error) & np.isfinite(naive)
    counted = both.sum(axis=0).astype(np.float64)
    mae, naive_mae = _mean(error, both), _mean(naive, both)
    relative = ratio(mae, naive_mae)
    judged = np.isfinite(mae) & np.isfinite(naive_mae)
    return Backtest(
        counted,
        mae,
        naive_mae,
        relative,
        _mean(scaled, both),
        _mean(held_80, both),
        _mean(held_95, both),
        np.where(judged, (mae < naive_mae).astype(np.float64), np.nan),
    )


def _scored(
    past: Floats, future: Floats, horizons: tuple[int, ...], ahead: Projection
) -> tuple[Floats, ...]:
    """Return one origin's absolute errors, ours, the naive's and a scaled day's, and what held."""
    until = np.array(horizons) - 1
    came = future.cumsum(axis=1)[:, until]
    naive = seasonal_naive(past, future.shape[1]).cumsum(axis=1)[:, until]
    usual = np.abs(past[:, WEEK:] - past[:, :-WEEK])
    seen = np.isfinite(usual)
    usual_error = ratio(np.where(seen, usual, 0.0).sum(axis=1), seen.sum(axis=1))
    daily = np.abs(future - ahead.daily[:, : future.shape[1]]).cumsum(axis=1)[:, until]
    scaled = ratio(daily / (until + 1), usual_error[:, None])
    return np.abs(came - ahead.total), np.abs(came - naive), scaled, *_held(came, ahead)


def _held(came: Floats, ahead: Projection) -> list[Floats]:
    """Say whether the 80 % and the 95 % interval held what came; NaN where one is missing."""
    return [
        np.where(np.isfinite(came + low + high), (low <= came) & (came <= high), np.nan)
        for low, high in ((ahead.low_80, ahead.high_80), (ahead.low_95, ahead.high_95))
    ]


def _latest(part: Floats) -> Floats:
    """Blank all but each cell's latest twelve origins; the latest stand first."""
    return np.where(np.isfinite(part).cumsum(axis=0) <= MOST_ORIGINS, part, np.nan)


def _mean(part: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return the mean over the origins that count; NaN where they are fewer than three."""
    known = counted & np.isfinite(part)
    count = known.sum(axis=0)
    mean = ratio(np.where(known, part, 0.0).sum(axis=0), count)
    return np.where(count >= FEWEST_ORIGINS, mean, np.nan)
