"""What ROI owes to assumptions: swings, corners and break-even values."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.sensitivity import (
    INPUTS,
    Measured,
    assumed_money,
    assumed_roi,
    break_even,
    break_even_linear,
    one_at_a_time,
    together,
)

BASE = np.array([[12.0, 50.0, 0.8, 15.0, 2.0]])
LOW = np.array([[6.0, 30.0, 0.2, 5.0, 0.0]])
HIGH = np.array([[20.0, 80.0, 1.0, 60.0, 40.0]])


def measured(rows: int = 1, undetected: float = 65.0) -> Measured:
    columns = (100.0, 1 / 6, 20.0, 400.0, 0.5, undetected)
    return Measured(*(np.full(rows, x) for x in columns))


def net(work: Measured):
    return lambda inputs: np.subtract(*assumed_money(work, inputs))


def test_a_swing_is_two_evaluations():
    roi = assumed_roi(measured())
    found = one_at_a_time(roi, BASE, LOW, HIGH)
    for at, name in enumerate(INPUTS):
        ends = []
        for end in (LOW, HIGH):
            inputs = BASE.copy()
            inputs[0, at] = end[0, at]
            ends.append(roi(inputs)[0])
        assert [found.at_low[0, at], found.at_high[0, at]] == ends, name
    by_swing = np.argsort(-found.swing[0])
    assert found.rank[0, by_swing].tolist() == [1, 2, 3, 4, 5]


def test_equal_swings_rank_in_order_and_missing_ones_do_not():
    found = one_at_a_time(
        lambda x: np.where(x[:, 2] > 1, np.nan, x.sum(axis=1)),
        [[1.0, 1.0, 1.0]],
        [[0.0, 0.0, 0.0]],
        [[2.0, 2.0, 2.0]],
    )
    np.testing.assert_equal(found.rank, [[1.0, 2.0, np.nan]])


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40)
def test_no_inner_point_leaves_the_range_of_the_corners(seed):
    rng = np.random.default_rng(seed)
    columns = rng.uniform([0, 0, -50, 1, 0, 0], [200, 9, 50, 500, 1, 80], (3, 6)).T
    roi = assumed_roi(Measured(*columns))
    low, high = together(roi, np.repeat(LOW, 3, 0), np.repeat(HIGH, 3, 0))
    for _ in range(30):
        inside = roi(rng.uniform(LOW, HIGH, (3, 5)))
        assert (low - 1e-9 <= inside).all()
        assert (inside <= high + 1e-9).all()


def test_a_break_even_value_makes_roi_nothing():
    work = measured()
    wide = np.array([[120.0, 500.0, 1.0, 500.0, 500.0]])
    found = break_even_linear(net(work), BASE, np.zeros((1, 5)), wide)
    assert np.isfinite(found).all()
    for at in range(5):
        inputs = BASE.copy()
        inputs[0, at] = found[0, at]
        assert abs(assumed_roi(work)(inputs)[0]) < 1e-12


def test_bisection_finds_what_the_line_finds():
    work = measured()
    wide = np.array([[120.0, 500.0, 1.0, 500.0, 500.0]])
    line = break_even_linear(net(work), BASE, np.zeros((1, 5)), wide)
    np.testing.assert_allclose(
        break_even(assumed_roi(work), BASE, np.zeros((1, 5)), wide), line, rtol=1e-12
    )


@pytest.mark.parametrize("solve", [break_even, break_even_linear], ids=["bisection", "line"])
def test_edges_of_a_break_even(solve):
    figure = {"low": 0.0, "high": 2.0}
    ends = [[figure["low"]]], [[figure["high"]]]
    at = [solve(lambda x, c=c: x[:, 0] - c, [[1.0]], *ends)[0, 0] for c in (0.0, 2.0, 2.1)]
    np.testing.assert_equal(at, [0.0, 2.0, np.nan])
    assert np.isnan(solve(lambda x: 0 * x[:, 0], [[1.0]], *ends)).all()
    assert np.isnan(solve(lambda x: x[:, 0] + np.nan, [[1.0]], *ends)).all()


def test_a_missing_assumption_hides_the_figure():
    inputs = BASE.copy()
    inputs[0, 4] = np.nan
    assert np.isnan(assumed_roi(measured())(inputs))
    assert np.isnan(together(assumed_roi(measured()), inputs, HIGH)).all()


def test_no_rows():
    none = np.empty((0, 5))
    assert one_at_a_time(assumed_roi(measured(0)), none, none, none).swing.shape == (0, 5)
    assert break_even(assumed_roi(measured(0)), none, none, none).shape == (0, 5)


def test_too_many_corners_are_refused():
    with pytest.raises(ValueError, match="corners"):
        together(lambda x: x[:, 0], np.zeros((1, 13)), np.ones((1, 13)))
