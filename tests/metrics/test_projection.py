"""Projections: what they expect, how wide they are, and what a workload does to them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from roi_engine.metrics import projection
from roi_engine.metrics.projection import project, project_ratio

WEEKDAY = np.array([1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.3])


def costs(seed: int, rows: int = 3, days: int = 60, noise: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 * WEEKDAY[np.arange(days) % 7] * rng.lognormal(0, noise, (rows, days))


def one_point(monkeypatch, **values: float) -> None:
    """Leave a single point of the grid, so that the answer has a textbook formula."""
    spreads = {"PERSISTENCE": 0.0, "WEEKDAYS": 0.0, "DRIFT": 0.0, "TREND": 0.0} | values
    for name, value in spreads.items():
        monkeypatch.setattr(projection, name, ((value, 1.0),))
    grid, prior = projection._grid()
    monkeypatch.setattr(projection, "GRID", grid)
    monkeypatch.setattr(projection, "GRID_PRIOR", prior)


def test_independent_days_give_the_textbook_interval(monkeypatch):
    one_point(monkeypatch)
    y = np.random.default_rng(1).normal(50, 5, (1, 20))
    found = project(y, (30,), "linear")
    error = y.std(ddof=1) * np.sqrt(30 + 30**2 / 20)
    np.testing.assert_allclose(found.total[0, 0], 30 * y.mean(), rtol=1e-12)
    for low, high, level in (
        (found.low_80, found.high_80, 0.8),
        (found.low_95, found.high_95, 0.95),
    ):
        reach = stats.t.ppf(0.5 + level / 2, 19) * error
        np.testing.assert_allclose(
            [low[0, 0], high[0, 0]], 30 * y.mean() + np.array([-reach, reach]), rtol=1e-6
        )


def test_persistent_days_are_forecast_as_generalised_least_squares_does(monkeypatch):
    one_point(monkeypatch, PERSISTENCE=0.6)
    y = np.random.default_rng(2).normal(50, 5, (1, 21))
    day = np.arange(21 + 10)
    cov = 0.6 ** np.abs(day[:, None] - day)
    past, cross = cov[:21, :21], cov[21:, :21]
    weights = np.linalg.solve(past, np.ones(21))
    level = y[0] @ weights / weights.sum()
    daily = level + cross @ np.linalg.solve(past, y[0] - level)
    np.testing.assert_allclose(project(y, (10,), "linear").daily[0], daily, rtol=1e-10)


def test_a_mixture_of_t_is_inverted():
    rng = np.random.default_rng(3)
    weight = rng.dirichlet(np.ones(5), 2).T
    centre, spread = rng.normal(0, 3, (5, 2, 1)), rng.uniform(0.1, 4, (5, 2, 1))
    for tail in projection.TAILS:
        at = projection._quantile(tail, weight, centre, spread, 6)
        reached = (weight[..., None] * stats.t.cdf(at, 6, centre, spread)).sum(axis=0)
        np.testing.assert_allclose(reached, tail, atol=2e-6)


def test_weekdays_return_in_the_path():
    path = project(costs(4, rows=1, days=84, noise=0.05), (14,)).daily[0]
    np.testing.assert_allclose(path[:7] / path[:7].mean(), WEEKDAY / WEEKDAY.mean(), rtol=0.1)


def test_a_slope_is_followed_and_damped():
    y = 100 + 2.0 * np.arange(60) + np.random.default_rng(5).normal(0, 3, (1, 60))
    path = project(y, (365,), "linear").daily[0]
    assert 220 < path[9] < 245
    assert path[-1] < path[9] + 2.0 * 60


@given(seed=st.integers(0, 10**6), days=st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_a_cost_is_never_negative_and_ends_are_in_order(seed, days):
    rng = np.random.default_rng(seed)
    y = rng.lognormal(0, 1.5, (4, days)) * (rng.random((4, days)) < rng.random((4, 1)))
    found = project(y)
    assert not any(np.isinf(part).any() for part in found)
    known = np.isfinite(found.low_95)
    assert known.any() <= (days >= projection.INTERVAL_DAYS)
    ends = [part[known] for part in (found.low_95, found.low_80, found.high_80, found.high_95)]
    assert (ends[0] >= 0).all()
    assert all((a <= b).all() for a, b in pairwise(ends))
    # the mean of a skewed sum can lie over its 90 % quantile, never over the 97.5 % one
    assert (found.total[known] <= ends[3]).all()


def test_longer_horizons_are_less_certain():
    found = project(costs(6))
    width = (found.high_95 - found.low_95) / found.total
    assert (np.diff(found.total, axis=1) > 0).all()
    assert (width[:, 2] > width[:, 1]).all()


@pytest.mark.parametrize(
    ("days", "has_total", "has_interval"),
    [
        pytest.param(6, False, False, id="under a week: nothing"),
        pytest.param(7, True, False, id="a week: a figure without interval"),
        pytest.param(13, True, False, id="a day short of two weeks"),
        pytest.param(14, True, True, id="two weeks"),
    ],
)
def test_short_histories(days, has_total, has_interval):
    y = costs(7, rows=1, days=90)
    y[:, : 90 - days] = np.nan
    found = project(y, (30,))
    assert np.isfinite(found.total[0, 0]) == has_total
    assert np.isfinite(found.low_95[0, 0]) == np.isfinite(found.high_80[0, 0]) == has_interval


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_days_that_are_all_alike_have_no_interval(level):
    found = project(np.full((1, 30), level), (30,))
    np.testing.assert_allclose(found.total, 30 * level)
    assert np.isnan([found.low_95, found.high_95]).all()


def test_rows_with_other_gaps_do_not_disturb_each_other():
    y = costs(8, rows=4)
    y[1, :40], y[2, 10:13] = np.nan, np.nan
    together = project(y, (30,))
    for row in range(4):
        alone = project(y[row : row + 1], (30,))
        for mine, theirs in zip(alone, together, strict=True):
            np.testing.assert_allclose(mine[0], theirs[row], rtol=1e-9)


def test_only_the_last_90_days_count_and_money_has_no_scale():
    y = costs(9, days=120)
    found = project(y, (30,))
    np.testing.assert_array_equal(project(y[:, -90:], (30,)).total, found.total)
    np.testing.assert_allclose(project(y * 1e9, (30,)).high_95, found.high_95 * 1e9, rtol=1e-9)
    np.testing.assert_array_equal(project(y, (30,)).low_80, found.low_80)


def test_no_rows_and_no_table():
    assert project(np.empty((0, 30))).total.shape == (0, 3)
    with pytest.raises(ValueError, match="rows of days"):
        project([1.0, 2.0])
    with pytest.raises(ValueError, match="horizon"):
        project(np.ones((1, 30)), (0,))


def test_a_share_stays_one():
    y = costs(10)
    share = np.random.default_rng(10).beta(40, 1, y.shape)
    found = project_ratio(y * share, y, (30, 90), "share")
    assert (found.low_95 > 0).all()
    assert (found.high_95 < 1).all()
    assert (found.low_95 < found.low_80).all()
    assert (found.low_80 < found.total).all()
    assert (found.total < found.high_80).all()


def test_a_ratio_without_error_is_itself():
    y = costs(11)
    found = project_ratio(0.4 * y, y, (30,))
    np.testing.assert_allclose(found.total, 0.4, rtol=1e-6)
    assert np.isnan(project_ratio(y, 0 * y, (30,)).total).all()


def test_a_ratio_of_what_cannot_be_negative_is_read_as_skewed():
    y = costs(13)
    x = 0.4 * y * np.random.default_rng(13).lognormal(0, 1, y.shape)
    x[2, 7] = -1e-6
    even, skewed = (project_ratio(x, y, (30,), scale) for scale in ("linear", "positive"))
    for name, z in (("low_95", -1.959964), ("high_95", 1.959964), ("high_80", 1.281552)):
        flat, found = getattr(even, name), getattr(skewed, name)
        # a log-normal's of the same mean, its variation what the even end says
        sigma = np.sqrt(np.log1p(((flat / even.total - 1) / z) ** 2))
        expected = even.total * np.exp(z * sigma - sigma**2 / 2)
        np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-6)
        # a day lost value: it can be negative, and its ends stay even
        np.testing.assert_array_equal(found[2], flat[2])
    np.testing.assert_array_equal(even.total, skewed.total)
    assert (skewed.low_95[:2] > 0).all()


def test_nine_in_ten_intervals_of_a_plain_estate_hold():
    y = costs(12, rows=400, days=58 + 30)
    found = project(y[:, :58], (30,))
    came = y[:, 58:].sum(axis=1)
    held = (found.low_95[:, 0] <= came) & (came <= found.high_95[:, 0])
    assert held.mean() > 0.9
