"""The interval of a ratio of sums: its own arithmetic, its limits, its independence of others."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.asr import PERSISTENCE, ratio_interval

DAYS = 28


def window(seed: int, rows: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.gamma(5, 2, (rows, DAYS))
    return y * rng.uniform(0.3, 0.7, (rows, DAYS)), y


def by_hand(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return R, se and df as metrics.md §5 writes them."""
    whole = y.sum()
    ratio = x.sum() / whole
    residual = (x - ratio * y) / (1 - y / whole)
    se = np.sqrt((residual**2).sum() / whole**2)
    df = min(len(x) - 1, max(1, 1 / ((y / whole) ** 2).sum() - 1))
    return ratio, se, df


def independent(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a window whose residuals are too little alike from day to day to need blocks."""
    x, y = window(seed)
    ratio, _, _ = by_hand(x[0], y[0])
    d = (x[0] - ratio * y[0]) / (1 - y[0] / y[0].sum())
    d = d - d.mean()
    assert (d[1:] * d[:-1]).sum() / (d**2).sum() < PERSISTENCE
    return x, y


@pytest.mark.parametrize("scale", ["share", "ratio", "linear"])
def test_it_follows_the_recipe(scale):
    x, y = independent(seed=1)
    ratio, se, df = by_hand(x[0], y[0])
    t = stats.t.ppf(0.975, df)
    if scale == "linear":
        ends = ratio - t * se, ratio + t * se
    elif scale == "ratio":
        ends = ratio * np.exp(-t * se / ratio), ratio * np.exp(t * se / ratio)
    else:
        centre, step = np.log(ratio / (1 - ratio)), t * se / (ratio * (1 - ratio))
        ends = tuple(1 / (1 + np.exp(-(centre + sign * step))) for sign in (-1, 1))
    found = ratio_interval(x, y, y > 0, scale)
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, rtol=1e-12)


def test_persistent_shocks_use_blocks_of_seven_days_and_t3():
    y = np.ones((1, DAYS))
    x = np.repeat([[0.8, 0.2, 0.6, 0.4]], 7, axis=1).reshape(1, DAYS)
    blocks_x, blocks_y = x.reshape(4, 7).sum(axis=1), y.reshape(4, 7).sum(axis=1)
    ratio, se, _ = by_hand(blocks_x, blocks_y)
    reach = stats.t.ppf(0.975, 3) * se
    found = ratio_interval(x, y, y > 0, "linear")
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], [ratio - reach, ratio + reach], rtol=1e-12
    )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_at_an_end_has_no_interval(share):
    y = np.ones((1, DAYS))
    found = ratio_interval(share * y, y, y > 0, "share")
    assert found.estimate[0] == share
    assert np.isnan([found.low[0], found.high[0]]).all()


@pytest.mark.parametrize(
    "days",
    [pytest.param([3], id="one day"), pytest.param([], id="no day")],
)
def test_too_few_days_have_no_interval(days):
    y = np.zeros((1, DAYS))
    y[0, days] = 1
    found = ratio_interval(y / 2, y, y > 0, "linear")
    assert np.isnan([found.low[0], found.high[0]]).all()


def test_a_day_that_is_all_of_the_denominator_has_no_interval():
    y = np.zeros((1, DAYS))
    y[0, 3] = 5
    x = np.full((1, DAYS), 0.1)
    found = ratio_interval(x, y, x > 0, "linear")
    assert np.isnan(found.low[0])


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 9))
def test_a_row_does_not_depend_on_the_others(seed, rows):
    x, y = window(seed, rows)
    y[0] *= np.random.default_rng(seed).random(DAYS) < 0.5
    x = np.minimum(x, y)
    together = ratio_interval(x, y, y > 0, "share")
    for row in range(rows):
        one = slice(row, row + 1)
        alone = ratio_interval(x[one], y[one], y[one] > 0, "share")
        for mine, theirs in zip(alone, together, strict=True):
            assert mine.tobytes() == theirs[one].tobytes()


@given(seed=st.integers(0, 10**6), scale=st.sampled_from(["share", "ratio", "linear"]))
def test_results_are_finite_or_missing(seed, scale):
    rng = np.random.default_rng(seed)
    y = rng.choice([0.0, 1e-9, 1.0, -1.0, 1e9], (5, DAYS))
    x = rng.choice([0.0, 1e-9, 1.0, -1.0, 1e9], (5, DAYS))
    for column in ratio_interval(x, y, rng.random((5, DAYS)) < 0.8, scale):
        assert not np.isinf(column).any()


def test_a_window_must_divide_into_weeks():
    with pytest.raises(ValueError, match="blocks of 7"):
        ratio_interval(np.ones((1, 27)), np.ones((1, 27)), np.ones((1, 27)), "linear")
