"""The back-test: what it counts, against whom it judges, and when it says nothing."""

import numpy as np
import pytest

from roi_engine.metrics.backtest import (
    MOST_ORIGINS,
    backtest,
    backtest_ratio,
    seasonal_naive,
)
from roi_engine.metrics.projection import Projection, project_ratio


def history(seed: int, rows: int = 3, days: int = 90) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weekday = np.array([1.2, 1.1, 1, 1, 1.1, 0.5, 0.4])[np.arange(days) % 7]
    return 100 * weekday * rng.lognormal(0, 0.3, (rows, days))


def naive(series, horizons) -> Projection:
    daily = seasonal_naive(series, max(horizons))
    total = daily.cumsum(axis=1)[:, np.array(horizons) - 1]
    return Projection(daily, total, total - 1e9, total + 1e9, total + 1, total + 2)


def test_it_is_the_mean_over_the_past_weeks():
    y = history(1, rows=1, days=56)
    errors, rivals = [], []
    for cut in (42, 35, 28, 21, 14):
        came = y[0, cut : cut + 14].sum()
        flat = y[0, :cut].mean() * 14
        errors.append(abs(came - flat))
        rivals.append(abs(came - 2 * y[0, cut - 7 : cut].sum()))

    def flat_line(series, horizons):
        daily = np.repeat(series.mean(axis=1, keepdims=True), max(horizons), axis=1)
        total = daily.cumsum(axis=1)[:, np.array(horizons) - 1]
        return Projection(daily, total, total, total, total, total)

    found = backtest(y, (14,), flat_line)
    assert found.origins[0, 0] == 5
    np.testing.assert_allclose(found.mae[0, 0], np.mean(errors), rtol=1e-12)
    np.testing.assert_allclose(found.naive_mae[0, 0], np.mean(rivals), rtol=1e-12)
    assert found.beats_naive[0, 0] == (np.mean(errors) < np.mean(rivals))


def test_the_naive_does_not_beat_itself():
    found = backtest(history(2), (7, 30), naive)
    assert (found.relative_mae == 1).all()
    assert (found.beats_naive == 0).all()
    assert (found.coverage_80 == 1).all()
    assert (found.coverage_95 == 0).all()


def test_the_projection_beats_the_naive_where_weeks_are_noisy():
    found = backtest(history(3, rows=30), (30,))
    assert found.beats_naive.mean() > 0.8
    assert found.relative_mae.mean() < 0.8
    assert found.coverage_95.mean() > 0.9


def test_a_ratio_is_tried_as_a_ratio():
    """Worked out from each past week, with the last week repeated as the rival."""
    y = history(5, rows=1, days=56)
    x = 0.6 * y * np.random.default_rng(6).lognormal(0, 0.2, y.shape)
    errors, rivals = [], []
    for cut in (42, 35, 28, 21, 14):
        came = x[0, cut : cut + 14].sum() / y[0, cut : cut + 14].sum()
        ahead = project_ratio(x[:, :cut], y[:, :cut], (14,), "positive").total[0, 0]
        errors.append(abs(came - ahead))
        rivals.append(abs(came - x[0, cut - 7 : cut].sum() / y[0, cut - 7 : cut].sum()))
    found = backtest_ratio(x, y, (14,), "positive")
    assert found.origins[0, 0] == 5
    np.testing.assert_allclose(found.mae[0, 0], np.mean(errors), rtol=1e-12)
    np.testing.assert_allclose(found.naive_mae[0, 0], np.mean(rivals), rtol=1e-12)
    assert found.beats_naive[0, 0] == (np.mean(errors) < np.mean(rivals))
    assert np.isnan(found.mase).all()


def test_ratios_of_noisy_weeks_are_better_projected_than_repeated():
    y = history(7, rows=30)
    x = 0.6 * y * np.random.default_rng(8).lognormal(0, 0.3, y.shape)
    found = backtest_ratio(x, y, (30,), "positive")
    assert found.beats_naive.mean() > 0.7
    assert found.coverage_95.mean() > 0.85


def test_a_ratio_without_a_denominator_is_not_tried():
    y = history(9, rows=2)
    y[0] = 0
    found = backtest_ratio(y, y, (14,))
    assert (found.origins[0, 0], np.isnan(found.relative_mae[0, 0])) == (0, True)


def test_no_more_than_twelve_origins_count():
    assert backtest(history(4, days=200), (7, 30), naive).origins.max() == MOST_ORIGINS


@pytest.mark.parametrize("days", [5, 14, 30], ids=lambda days: f"{days} days")
def test_a_short_history_says_nothing(days):
    found = backtest(history(5, days=days), (14,))
    assert np.isnan(found.mae).all()
    assert np.isnan(found.beats_naive).all()


def test_rows_are_judged_on_days_they_have():
    y = history(6, rows=2)
    y[1, :60] = np.nan
    found, alone = backtest(y, (7,)), backtest(y[:1], (7,))
    np.testing.assert_allclose([part[0] for part in found], [part[0] for part in alone], rtol=1e-9)
    assert found.origins[1, 0] < found.origins[0, 0]


def test_a_history_that_never_errs_has_no_relative_error():
    found = backtest(np.tile(np.arange(7.0), (1, 10)), (7,), naive)
    assert found.mae[0, 0] == found.naive_mae[0, 0] == 0
    assert np.isnan(found.relative_mae[0, 0])
    assert found.beats_naive[0, 0] == 0


def test_no_rows():
    assert backtest(np.empty((0, 60))).mae.shape == (0, 3)
