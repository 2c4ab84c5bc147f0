"""Two model versions by what a success costs and how long a task takes: on the same mix."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.regression import KPI_LEVEL, Spending, cost_change, regressed, time_change


def sums(cost, won):
    """Add up one kind of work."""
    return [len(cost), cost.sum(), (cost**2).sum(), won.sum(), cost[won].sum()]


def drawn(rng, pairs, sizes, *, spread=1.0, dearer=1.0, rate=0.7):
    """Draw log-normal costs of pairs × kinds, the later kinds dearer; one row each."""
    rows = []
    for _ in range(pairs):
        for kind, size in enumerate(sizes):
            cost = dearer * np.exp(0.7 * kind + spread * rng.standard_normal(size))
            rows.append(sums(cost, rng.random(size) < rate))
    return np.array(rows).T


def compared(old, new, kinds, **asked):
    index = np.repeat(np.arange(old.shape[1] // kinds), kinds)
    return cost_change(index, Spending(*new), Spending(*old), **asked)


def test_kinds_of_work_weigh_by_how_much_both_did_of_them():
    # 10·30/40 = 7.5 of the cheap kind, 30·90/120 = 22.5 of the dear one
    new = Spending([10, 30], [20.0, 300.0], [50.0, 4000.0], [5, 15], [10.0, 150.0])
    old = Spending([30, 90], [60.0, 450.0], [150.0, 3000.0], [15, 45], [30.0, 225.0])
    change = cost_change([0, 0], new, old)
    assert change.new[0] == pytest.approx((7.5 * 2 + 22.5 * 10) / (7.5 * 0.5 + 22.5 * 0.5))
    assert change.old[0] == pytest.approx((7.5 * 2 + 22.5 * 5) / 15)
    assert change.difference.estimate[0] == pytest.approx(240 / 127.5 - 1)
    assert (change.new_tasks[0], change.old_tasks[0]) == (40, 120)


def test_dearer_work_is_no_regression():
    # 1 a task of the cheap kind, 10 of the dear one, for both; the newer one has the dear ones
    new = Spending([100, 900], [100.0, 9000.0], [200.0, 95000.0], [80, 720], [80.0, 7200.0])
    old = Spending([900, 100], [900.0, 1000.0], [1800.0, 10600.0], [720, 80], [720.0, 800.0])
    change = cost_change([0, 0], new, old)
    assert change.difference.estimate[0] == pytest.approx(0)
    assert not regressed(change, worse="higher")[0]


def test_failures_are_paid_for():
    old = Spending([100], [100.0], [150.0], [80], [80.0])
    new = Spending([100], [100.0], [150.0], [40], [40.0])
    assert cost_change([0], new, old).difference.estimate[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param([0, 0, 0, 0, 0], [9, 9, 9, 9, 9], id="no common work"),
        pytest.param([9, 9, 9, 0, 0], [9, 9, 9, 9, 9], id="no success"),
        pytest.param([9, 0, 0, 9, 0], [9, 9, 9, 9, 9], id="free of charge"),
        pytest.param([1, 1, 1, 1, 1], [9, 9, 10, 9, 9], id="a single task"),
    ],
)
def test_what_tells_nothing_has_no_interval(new, old):
    change = cost_change([0], Spending(*([x] for x in new)), Spending(*([x] for x in old)))
    assert np.isnan(change.difference.low[0])
    assert not regressed(change, 0, "higher")[0]


def test_no_rows_no_pairs():
    none = np.zeros(0)
    assert cost_change([], Spending(*[none] * 5), Spending(*[none] * 5)).new.size == 0
    assert time_change([], Strata(*[none] * 3), Strata(*[none] * 3)).new.size == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6))
def test_the_currency_does_not_matter_and_swapping_inverts(seed, unit):
    rng = np.random.default_rng(seed)
    old, new = drawn(rng, 1, (40, 30)), drawn(rng, 1, (20, 60))
    scaled = [side * np.array([[1], [unit], [unit**2], [1], [unit]]) for side in (old, new)]
    there, back = compared(old, new, 2).difference, compared(new, old, 2).difference
    for end, other in zip(there, compared(*scaled, 2).difference, strict=True):
        np.testing.assert_allclose(end, other, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(1 + there.low, 1 / (1 + back.high), rtol=1e-9)


def test_equal_versions_are_told_apart_in_about_one_of_a_thousand():
    rng = np.random.default_rng(11)
    old, new = drawn(rng, 6000, (30, 60)), drawn(rng, 6000, (60, 30))
    told = regressed(compared(old, new, 2, level=KPI_LEVEL), worse="higher")
    assert told.mean() < 0.004


def test_a_success_twice_as_dear_is_found():
    rng = np.random.default_rng(12)
    old, new = drawn(rng, 500, (150, 150)), drawn(rng, 500, (150, 150), dearer=2.0)
    change = compared(old, new, 2, level=KPI_LEVEL)
    assert regressed(change, worse="higher").mean() > 0.9
    assert np.median(change.difference.estimate) == pytest.approx(1, abs=0.05)


def test_times_are_held_against_the_newer_ones_mix():
    # 1 s and 10 s for both; the newer version has three of four of the long kind
    new = Strata([25, 75], [25.0, 750.0], [30.0, 8000.0])
    old = Strata([75, 25], [75.0, 250.0], [90.0, 2700.0])
    change = time_change([0, 0], new, old)
    assert change.difference.estimate[0] == pytest.approx(0)
    assert change.new[0] == change.old[0] == pytest.approx(7.75)
    assert not regressed(change, worse="higher")[0]
