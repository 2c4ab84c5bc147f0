"""A roll-out in steps: moved as untouched groups moved, and as sure as these agree."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.coverage import staggered_rollout as benchmark
from roi_engine.metrics.productivity import Strata
from roi_engine.metrics.rollout import Periods, staggered_rollout


def steady(cases, mean):
    """Return groups of which every case takes the same time, nearly."""
    n, m = np.asarray(cases, dtype=float), np.asarray(mean, dtype=float)
    return Strata(n, n * m, n * m**2 * 1.01)


def found(before, after, trends, unit=1.0):
    controls = np.full(len(trends), 50)
    return staggered_rollout(
        np.zeros(len(before), dtype=int),
        Periods(
            steady([50] * len(before), np.array(before) * unit),
            steady([50] * len(after), np.array(after) * unit),
        ),
        np.repeat(np.arange(len(before)), len(trends)),
        Periods(
            steady(np.tile(controls, len(before)), np.full(len(trends) * len(before), 10 * unit)),
            steady(
                np.tile(controls, len(before)), np.tile(np.array(trends) * 10 * unit, len(before))
            ),
        ),
    )


def test_two_groups_weigh_by_their_cases_after():
    told = found([20, 40], [10, 10], [0.5, 0.5, 0.5])
    assert told.baseline.estimate[0] == pytest.approx((10 + 20) / 2)
    assert told.delta.estimate[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "after", "trends"),
    [
        pytest.param([20], [5], [0.9, 0.9], id="two controls"),
        pytest.param([0], [5], [0.9] * 4, id="no time before"),
        pytest.param([20], [5], [0.9, 0.9, 0.0], id="a control without time is none"),
    ],
)
def test_what_cannot_be_told_is_not(before, after, trends):
    told = found(before, after, trends)
    assert np.isnan(told.baseline.estimate[0])
    assert np.isnan(told.delta.low[0])


def test_no_rows_no_baselines():
    none = Strata([], [], [])
    told = staggered_rollout([], Periods(none, none), [], Periods(none, none))
    assert told.baseline.estimate.size == told.delta.low.size == 0


def test_groups_that_drift_apart_by_themselves_leave_more_doubt():
    calm, wild = found([20], [5], [0.9, 0.9, 0.9, 0.9]), found([20], [5], [0.5, 0.7, 1.1, 1.7])
    width = [np.log((1 + one.delta.high) / (1 + one.delta.low))[0] for one in (calm, wild)]
    assert width[1] > 5 * width[0]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(1, 100), min_size=1, max_size=4),
    st.lists(st.floats(0.5, 2), min_size=3, max_size=6),
    st.floats(1e-3, 1e3),
)
def test_the_unit_of_time_does_not_matter(before, trends, unit):
    after = [5.0] * len(before)
    plain, scaled = found(before, after, trends), found(before, after, trends, unit)
    np.testing.assert_allclose(scaled.delta, plain.delta, rtol=1e-6)
    np.testing.assert_allclose(scaled.baseline, np.array(plain.baseline) * unit, rtol=1e-6)


def test_the_interval_holds_the_truth():
    drawn = benchmark.draw(1200, np.random.default_rng(3))
    assert drawn["has_interval"].all()
    assert 0.93 < drawn["held"].mean() < 0.97
