"""Tenths of tasks by tokens, and the trend over them."""

import numpy as np
import pytest
from scipy import stats

from roi_engine.metrics.marginal import decile_of, trend


def test_tenths_of_equal_buckets_are_the_tenths():
    assert decile_of(np.zeros(20, dtype=int), np.ones(20)).tolist() == [
        n // 2 + 1 for n in range(20)
    ]


def test_groups_are_cut_apart():
    alone = decile_of([0, 0, 0], [2.0, 5.0, 3.0])
    both = decile_of([0, 1, 1, 1], [9.0, 2.0, 5.0, 3.0])
    assert both[1:].tolist() == alone.tolist()


def test_no_bucket_has_no_decile():
    assert decile_of([], []).size == 0
    assert trend(np.empty((0, 10))).estimate.size == 0


def test_the_slope_is_that_of_least_squares():
    y = np.random.default_rng(1).normal(size=(3, 10))
    y[1, [2, 7]] = np.nan
    found = trend(y)
    for row in range(3):
        known = np.isfinite(y[row])
        line = stats.linregress(np.flatnonzero(known), y[row, known])
        reach = stats.t.ppf(0.975, known.sum() - 2) * line.stderr
        assert found.estimate[row] == pytest.approx(line.slope)
        assert found.high[row] - found.estimate[row] == pytest.approx(reach)


@pytest.mark.parametrize("known", [0, 3])
def test_too_few_deciles_show_no_trend(known):
    row = np.full((1, 10), np.nan)
    row[0, :known] = np.arange(known)
    assert np.isnan(trend(row)).all()
