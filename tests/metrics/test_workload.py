"""Scenarios: what another workload does to a cost, to what it brings and to a share of it."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from roi_engine.metrics.cost_curve import CostCurve, ShareCurve, fit_cost_curve, fit_share_curve
from roi_engine.metrics.projection import Projection, project, project_ratio
from roi_engine.metrics.win_rate import Interval
from roi_engine.metrics.workload import (
    share_under_workload,
    under_workload,
    value_factor,
    workload_factor,
)

WEEKDAY = np.array([1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.3])


def costs(seed: int, rows: int = 3, days: int = 60, noise: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 * WEEKDAY[np.arange(days) % 7] * rng.lognormal(0, noise, (rows, days))


def requests(seed: int, rows: int, days: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).uniform(100, 900, (rows, days))


def curve_of(share: float, low: float, high: float, elasticity: float = 1.0) -> CostCurve:
    return CostCurve(*(np.array([part]) for part in (0, 0, elasticity, share, low, high)))


def moves_of(slope: float, reach_80: float, reach_95: float) -> ShareCurve:
    return ShareCurve(*(np.array([part]) for part in (slope, reach_80, reach_95)))


def ratio_of(centre: float, *ends: float) -> Projection:
    return Projection(*(np.array([[part]]) for part in (centre, centre, *ends)))


def test_a_workload_as_it_is_changes_nothing():
    y, volume = costs(17), requests(17, 3)
    found = project(y)
    same = under_workload(found, workload_factor(fit_cost_curve(y, volume), 1.0))
    for mine, theirs in zip(same, found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_more_work_costs_more_and_is_less_certain():
    y, volume = costs(18), requests(18, 3)
    curve, found = fit_cost_curve(y, volume), project(y)
    double = under_workload(found, workload_factor(curve, 2.0))
    assert (double.total >= found.total).all()
    assert (double.low_95 > 0).all()
    assert (double.high_95 / double.total >= found.high_95 / found.total).all()


def test_a_loss_scales_too():
    known = Interval(*(np.full(3, 2.0),) * 3)
    found = project(costs(19) - 200, (30,), "linear")
    np.testing.assert_allclose(under_workload(found, known).low_95, 2 * found.low_95)


def test_a_negative_workload_is_refused():
    with pytest.raises(ValueError, match="negative"):
        workload_factor(fit_cost_curve(costs(20), requests(20, 3)), -1.0)


def test_volumes_that_never_vary_leave_a_workload_open():
    curve = fit_cost_curve(costs(16, rows=1, days=30), np.full((1, 30), 500.0))
    cost, value = workload_factor(curve, 2.0), value_factor(curve, 2.0)
    assert (cost.low[0], cost.high[0]) == (1, 2)
    assert (value.low[0], value.high[0]) == (1, 2)


def test_twice_the_work_on_a_fixed_half_by_hand():
    # 30 of value for 10 fixed and 10 variable: a return of 0.5; twice is 60 for 10 and 20
    curve = curve_of(0.5, 0.4, 0.6)
    now = ratio_of(1.5, 1.2, 1.8, 1.0, 2.25)
    twice = under_workload(now, value_factor(curve, 2.0))
    assert twice.total[0, 0] - 1 == pytest.approx(60 / 30 - 1)
    # 2/1.6 and 2/1.4 of the factor, 1/1.5 and 1.5 of the ratio: log-distances add in squares
    down, up = np.hypot(np.log(1.5), np.log([1.6 / 1.5, 1.5 / 1.4]))
    assert twice.low_95[0, 0] == pytest.approx(2 * np.exp(-down))
    assert twice.high_95[0, 0] == pytest.approx(2 * np.exp(up))
    assert under_workload(now, value_factor(curve, 0.5)).total[0, 0] == pytest.approx(15 / 15)


def test_a_share_whose_rest_is_fixed_by_hand():
    # 10 of 20 follow the requests and the rest does not: 20 of 30 with twice as many
    curve, moves = curve_of(0.5, 0.4, 0.6), moves_of(0.25, 0.05, 0.1)
    twice = share_under_workload(ratio_of(0.5, 0.4, 0.6, 0.3, 0.7), moves, curve, 2.0)
    assert twice.total[0, 0] == pytest.approx(20 / 30)
    # odds 2; 0.3 is 7/3 away in odds, and a slope of 0.15 gives 0.5 + 0.15/1.5 = 0.6, odds 1.5
    odds = 2 * np.exp(-np.hypot(np.log(7 / 3), np.log(2 / 1.5)))
    assert twice.low_95[0, 0] == pytest.approx(odds / (1 + odds))
    # with all of the part following and none of the rest it is 2/3 already: no more to gain
    assert twice.high_95[0, 0] == pytest.approx((2 * 7 / 3) / (1 + 2 * 7 / 3))
    half = share_under_workload(ratio_of(0.5, 0.4, 0.6, 0.3, 0.7), moves, curve, 0.5)
    assert half.total[0, 0] == pytest.approx(5 / 15)
    # with fewer requests a lesser slope is the higher share: 0.5 - 0.5 · 0.15/0.75 = 0.4
    odds = 0.5 * np.exp(np.hypot(np.log(7 / 3), np.log((2 / 3) / 0.5)))
    assert half.high_95[0, 0] == pytest.approx(odds / (1 + odds))


@given(
    fixed=st.floats(0, 1),
    elasticity=st.floats(0.5, 1),
    reach=st.floats(0, 0.3),
    less=st.floats(0.1, 5),
    more=st.floats(0.1, 5),
)
def test_more_work_never_brings_less_where_a_part_is_fixed(fixed, elasticity, reach, less, more):
    curve = curve_of(fixed, max(fixed - reach, 0), min(fixed + reach, 1), elasticity)
    less, more = sorted((less, more))
    few, many = value_factor(curve, less), value_factor(curve, more)
    assert all(f[0] <= m[0] * (1 + 1e-9) for f, m in zip(few, many, strict=True))
    assert few.low[0] <= few.estimate[0] <= few.high[0]
    np.testing.assert_allclose(value_factor(curve, 1.0), 1.0)
    now = ratio_of(1.4, 1.2, 1.6, 1.0, 2.0)
    np.testing.assert_allclose(under_workload(now, value_factor(curve, 1.0)), now)


@given(
    share=st.floats(0.05, 0.95),
    fixed=st.floats(0, 1),
    of_fixed=st.floats(0, 1),
    times=st.floats(0.1, 5),
)
def test_a_share_is_that_of_its_parts_and_its_rest_the_mirror(share, fixed, of_fixed, times):
    # the part has so much of what is fixed and the rest of its share from what is not
    part = np.clip(fixed * of_fixed, max(share - (1 - fixed), 0), min(share, fixed))
    slope = share - part - share * (1 - fixed)
    curve, moves = curve_of(fixed, fixed, fixed), moves_of(slope, 0.02, 0.05)
    ends = np.clip(share + np.array([-0.1, 0.1, -0.2, 0.2]), 0.005, 0.995)
    now = ratio_of(share, *ends)
    then = share_under_workload(now, moves, curve, times)
    expected = (part + times * (share - part)) / (fixed + times * (1 - fixed))
    assert then.total[0, 0] == pytest.approx(expected, abs=1e-9)
    assert 0 < then.low_95[0, 0] <= then.low_80[0, 0] <= then.total[0, 0]
    assert then.total[0, 0] <= then.high_80[0, 0] <= then.high_95[0, 0] < 1
    np.testing.assert_allclose(share_under_workload(now, moves, curve, 1.0), now)
    rest = ratio_of(1 - share, *(1 - ends)[[1, 0, 3, 2]])
    mirror = share_under_workload(rest, moves_of(-slope, 0.02, 0.05), curve, times)
    np.testing.assert_allclose(mirror.low_95, 1 - then.high_95, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0, np.nan])
def test_a_share_of_all_or_none_stays_so(share):
    now = ratio_of(share, *[np.nan] * 4)
    then = share_under_workload(now, moves_of(0.0, 0.0, 0.0), curve_of(0.5, 0.4, 0.6), 2.0)
    np.testing.assert_array_equal(then.total, [[share]])
    assert np.isnan(then.low_95).all()


def test_volumes_that_never_vary_leave_a_share_between_its_bounds():
    volume = np.full((1, 30), 500.0)
    whole = costs(22, rows=1, days=30)
    curve = fit_cost_curve(whole, volume)
    moves = fit_share_curve(0.4 * whole, whole, volume, curve)
    assert (moves.slope[0], moves.reach_95[0]) == (0, np.inf)
    known = ratio_of(0.4, *[0.4] * 4)
    twice = share_under_workload(known, moves, curve, 2.0)
    bounds = twice.low_95[0, 0], twice.total[0, 0], twice.high_95[0, 0]
    assert bounds == pytest.approx((0.4 / 1.6, 0.4, 0.8 / 1.4))


@pytest.mark.parametrize("days", [0, 5, 13])
def test_a_share_of_too_few_days_does_not_move(days):
    part, volume = np.ones((1, days)), np.ones((1, days))
    moves = fit_share_curve(part, 2 * part, volume, fit_cost_curve(2 * part, volume))
    assert np.isnan(moves).all()


@pytest.mark.parametrize("times", [0.0, -1.0])
def test_a_share_needs_some_workload(times):
    with pytest.raises(ValueError, match="some workload"):
        share_under_workload(
            ratio_of(0.5, *[0.5] * 4), moves_of(0, 0, 0), curve_of(0.5, 0.4, 0.6), times
        )


def test_a_loss_is_greatest_where_the_factor_is():
    factor = Interval(np.full(1, 1.5), np.full(1, 1.2), np.full(1, 1.9))
    # a loss that is known: only the factor is not
    then = under_workload(ratio_of(-1.0, *[-1 - 1e-9, -1 + 1e-9] * 2), factor)
    assert (then.total[0, 0], then.low_95[0, 0], then.high_95[0, 0]) == pytest.approx(
        (-1.5, -1.9, -1.2)
    )


def test_what_twice_the_work_brings_is_held():
    """An estate whose fixed cost is known, and whose days to come have twice the requests."""
    rng = np.random.default_rng(21)
    volume = requests(21, 300, 90)
    times = np.where(np.arange(90) < 60, 1.0, 2.0)
    won, rest = (
        (fixed + each * volume * times) * rng.lognormal(0, 0.1, volume.shape)
        for fixed, each in ((10, 0.2), (40, 0.1))
    )
    cost, value = won + rest, 0.6 * volume * times * rng.lognormal(0, 0.1, volume.shape)
    seen = [part[:, :60] for part in (volume, won, rest, cost, value)]
    came = [part[:, 60:].sum(axis=1) for part in (won, cost, value)]
    curve = fit_cost_curve(seen[3], seen[0])
    moves = fit_share_curve(seen[1], seen[3], seen[0], curve)
    gross = project_ratio(seen[4], seen[3], (30,), "positive")
    gross = under_workload(gross, value_factor(curve, 2.0))
    share = project_ratio(seen[1], seen[3], (30,), "share")
    share = share_under_workload(share, moves, curve, 2.0)
    for found, truth in ((gross, came[2] / came[1]), (share, came[0] / came[1])):
        held = (found.low_95[:, 0] <= truth) & (truth <= found.high_95[:, 0])
        assert held.mean() > 0.9
        np.testing.assert_allclose(np.median(found.total[:, 0] / truth), 1.0, atol=0.02)
