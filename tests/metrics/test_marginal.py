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
        x = np.flatnonzero(known)
        line = stats.linregress(x, y[row, known])
        assert found.estimate[row] == pytest.approx(line.slope)
        # HC3 by its matrices: (X'X)⁻¹ X' diag(e²/(1 − h)²) X (X'X)⁻¹
        table = np.column_stack([np.ones(x.size), x])
        inverse = np.linalg.inv(table.T @ table)
        left = y[row, known] - line.intercept - line.slope * x
        leverage = np.einsum("ij,jk,ik->i", table, inverse, table)
        middle = table.T @ np.diag((left / (1 - leverage)) ** 2) @ table
        error = np.sqrt((inverse @ middle @ inverse)[1, 1])
        reach = stats.t.ppf(0.975, x.size - 2) * error
        assert found.high[row] - found.estimate[row] == pytest.approx(reach)


@pytest.mark.parametrize("known", [0, 3])
def test_too_few_deciles_show_no_trend(known):
    row = np.full((1, 10), np.nan)
    row[0, :known] = np.arange(known)
    assert np.isnan(trend(row)).all()
