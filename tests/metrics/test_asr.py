"""The interval of a ratio of sums: its own arithmetic, its limits, its independence of others."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.asr import SHARE_PERSISTENCE, rate_interval, ratio_interval
from roi_engine.metrics.win_rate import wilson

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


def residuals(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x - x.sum() / y.sum() * y) / (1 - y / y.sum())


def tail_df(x: np.ndarray, y: np.ndarray) -> float:
    """Return the degrees of freedom that the days' kurtosis leaves."""
    d = residuals(x, y)
    kurtosis = (d**4).mean() / (d**2).mean() ** 2
    return max(3, 2 * len(d) / (kurtosis - 1) - 1)


def widening(x: np.ndarray, y: np.ndarray, se: float) -> float:
    """Return how far skewed days move the linear end: Johnson's term at 95 %."""
    d = residuals(x, y)
    skewness = (d**3).mean() / (d**2).mean() ** 1.5
    return se * skewness / np.sqrt(len(d)) * (2 * stats.norm.ppf(0.975) ** 2 + 1) / 6


def independent(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a window whose residuals are too little alike from day to day to need blocks."""
    x, y = window(seed)
    d = residuals(x[0], y[0])
    d = d - d.mean()
    assert (d[1:] * d[:-1]).sum() / (d**2).sum() < SHARE_PERSISTENCE
    return x, y


@pytest.mark.parametrize("scale", ["share", "ratio", "linear"])
def test_it_follows_the_recipe(scale):
    x, y = independent(seed=3)
    ratio, se, df = by_hand(x[0], y[0])
    if scale != "share":
        df = min(df, tail_df(x[0], y[0]))
    t = stats.t.ppf(0.975, df)
    if scale == "linear":
        more = widening(x[0], y[0], se)
        ends = ratio - t * se + min(more, 0), ratio + t * se + max(more, 0)
    elif scale == "ratio":
        ends = ratio * np.exp(-t * se / ratio), ratio * np.exp(t * se / ratio)
    else:
        centre, step = np.log(ratio / (1 - ratio)), t * se / (ratio * (1 - ratio))
        ends = tuple(1 / (1 + np.exp(-(centre + sign * step))) for sign in (-1, 1))
    found = ratio_interval(x, y, y > 0, scale)
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, rtol=1e-12)


def test_persistent_shocks_use_blocks_of_seven_days_and_t3():
    y = np.ones((1, DAYS))
    # as many days far up as down: no skewness to widen for
    x = np.repeat([[0.8, 0.2, 0.6, 0.4]], 7, axis=1).reshape(1, DAYS)
    blocks_x, blocks_y = x.reshape(4, 7).sum(axis=1), y.reshape(4, 7).sum(axis=1)
    ratio, se, _ = by_hand(blocks_x, blocks_y)
    reach = stats.t.ppf(0.975, 3) * se
    found = ratio_interval(x, y, y > 0, "linear")
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], [ratio - reach, ratio + reach], rtol=1e-12
    )


def test_blocks_never_make_an_interval_narrower_than_days():
    # days persist within each week, and every week comes to the same
    week = np.array([0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.3])
    x, y = np.tile(week, (1, 4)), np.ones((1, DAYS))
    ratio, se, df = by_hand(x[0], y[0])
    found = ratio_interval(x, y, y > 0, "linear")
    reach = stats.t.ppf(0.975, min(df, tail_df(x[0], y[0]))) * se
    assert found.low[0] <= ratio - reach
    assert found.high[0] >= ratio + reach


def test_one_day_worth_ten_others_leaves_three_degrees_of_freedom():
    y = np.ones((1, DAYS))
    x = np.ones((1, DAYS))
    x[0, 10] = 10
    ratio, se, _ = by_hand(x[0], y[0])
    found = ratio_interval(x, y, y > 0, "ratio")
    reach = stats.t.ppf(0.975, 3) * se
    np.testing.assert_allclose(
        [found.low[0], found.high[0]],
        [ratio * np.exp(-reach / ratio), ratio * np.exp(reach / ratio)],
        rtol=1e-12,
    )


@given(seed=st.integers(0, 10**6), price=st.floats(0.1, 10))
def test_a_return_is_the_ratio_of_its_value_less_one(seed, price):
    rng = np.random.default_rng(seed)
    spend = rng.gamma(2, price, (3, DAYS))
    value = rng.lognormal(0, 1, (3, DAYS))
    gross = ratio_interval(value, spend, spend > 0, "ratio")
    net = ratio_interval(value - spend, spend, spend > 0, "ratio", cost=spend)
    for mine, theirs in zip(net, gross, strict=True):
        np.testing.assert_allclose(mine, theirs - 1, rtol=1e-9, atol=1e-9)
    assert (net.low >= -1).all()


def test_a_return_near_zero_does_not_know_its_sign():
    spend = np.ones((1, DAYS))
    value = np.tile([0.1, 1.95], (1, 14))
    net = ratio_interval(value - spend, spend, spend > 0, "ratio", cost=spend)
    assert 0 < net.estimate[0] < 0.05
    assert net.low[0] < -0.2
    assert net.high[0] < 1


def test_where_a_day_lost_money_the_scale_is_linear():
    y = np.ones((1, DAYS))
    x = np.tile([2.0, -0.5], (1, 14))
    np.testing.assert_array_equal(
        ratio_interval(x, y, y > 0, "ratio"), ratio_interval(x, y, y > 0, "linear")
    )


@pytest.mark.parametrize(("best", "longer"), [(9, "high"), (-9, "low")])
def test_the_linear_interval_reaches_further_to_the_skewed_side(best, longer):
    y = np.ones((1, DAYS))
    x = np.zeros((1, DAYS))
    x[0, [5, 20]] = best
    found = ratio_interval(x, y, y > 0, "linear")
    up, down = found.high - found.estimate, found.estimate - found.low
    wider, narrower = (up, down) if longer == "high" else (down, up)
    assert wider > 1.2 * narrower


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


def test_a_rate_of_fewer_than_a_hundred_trials_is_wilsons():
    trials = np.full((1, DAYS), 3.0)
    wins = np.tile([3.0, 3.0, 0.0, 1.0], (1, 7))
    found, expected = rate_interval(wins, trials), wilson([wins.sum()], [84])
    np.testing.assert_array_equal(found, expected)


def test_a_rate_of_a_hundred_trials_sees_its_days():
    trials = np.full((1, DAYS), 4.0)
    wins = np.repeat([[4.0, 1.0, 4.0, 1.0]], 7, axis=1)
    found = rate_interval(wins, trials)
    by_day = ratio_interval(wins, trials, trials > 0, "share")
    by_trial = wilson([wins.sum()], [112])
    np.testing.assert_array_equal(found, by_day)
    assert found.low[0] < by_trial.low[0]
    assert found.high[0] > by_trial.high[0]


@pytest.mark.parametrize("hit", [0, 1])
def test_a_rate_at_an_end_keeps_wilsons_limits(hit):
    trials = np.full((1, DAYS), 10.0)
    found = rate_interval(hit * trials, trials)
    np.testing.assert_array_equal(found, wilson([hit * 280], [280]))


def test_a_rate_without_trials_is_missing():
    assert np.isnan(rate_interval(np.zeros((1, DAYS)), np.zeros((1, DAYS)))).all()
