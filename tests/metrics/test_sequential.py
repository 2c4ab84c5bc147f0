"""Confidence sequences: the formula, its tuning, and that looking every day is allowed."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import optimize, stats

from roi_engine.metrics.sequential import (
    FIRST_LOOK_UNITS,
    Sequence,
    confidence_sequence,
    critical,
    mixture,
    over_looks,
)


def test_the_reach_is_the_normal_mixture_of_robbins():
    m, alpha = float(mixture(0.4)), 0.05
    by_hand = np.sqrt((m + 1) / m * 2 * np.log(np.sqrt(m + 1) / alpha))
    np.testing.assert_allclose(critical(0.4), by_hand, rtol=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_no_other_rho_is_narrower_at_the_planned_end(level):
    alpha = 1 - level

    def reach(m: float) -> float:
        return np.sqrt((m + 1) / m * 2 * np.log(np.sqrt(m + 1) / alpha))

    best = optimize.minimize_scalar(reach, bounds=(1e-3, 1e3), method="bounded")
    np.testing.assert_allclose(critical(1.0, level), best.fun, rtol=1e-9)
    np.testing.assert_allclose(mixture(1.0, level), best.x, rtol=1e-3)


@settings(max_examples=50)
@given(z=st.floats(-6, 6), progress=st.floats(0.01, 10))
def test_the_p_value_is_under_alpha_exactly_when_the_interval_leaves_0(z, progress):
    look = confidence_sequence([z], [1.0], [1000], [progress])
    outside = abs(z) - critical(progress)
    if abs(outside) > 1e-9:
        assert (look.p_value[0] < 0.05) == (outside > 0) == (look.low[0] > 0 or look.high[0] < 0)


@settings(max_examples=30)
@given(progress=st.floats(1e-6, 1e6))
def test_it_is_always_wider_than_a_single_look(progress):
    assert critical(progress) > stats.norm.ppf(0.975)


@pytest.mark.parametrize(
    ("error", "units", "progress"),
    [
        pytest.param(0.0, 1000, 0.5, id="no variance"),
        pytest.param(np.nan, 1000, 0.5, id="no standard error"),
        pytest.param(1.0, FIRST_LOOK_UNITS - 1, 0.5, id="too few units"),
        pytest.param(1.0, 1000, 0.0, id="nothing seen"),
        pytest.param(1.0, 1000, np.nan, id="no plan"),
    ],
)
def test_nothing_is_said_without_its_ground(error, units, progress):
    assert np.isnan(confidence_sequence([1.0], [error], [units], [progress])).all()


def test_a_huge_effect_has_a_p_value_of_0():
    assert confidence_sequence([1e300], [1e-300], [100], [1.0]).p_value[0] == 0


def test_looking_every_day_raises_few_false_alarms_where_welch_raises_many():
    rng = np.random.default_rng(1)
    days, daily, runs = 60, 40, 2000
    walk = np.cumsum(rng.standard_normal((runs, days)) * np.sqrt(daily), axis=1)
    seen = daily * np.arange(1, days + 1.0)
    mean, error = walk / seen, np.broadcast_to(1 / np.sqrt(seen), walk.shape)
    look = confidence_sequence(mean, error, 2 * seen, seen / seen[-1])
    assert (np.abs(mean / error) > 1.96).any(axis=1).mean() > 0.25
    assert 0.005 < (look.p_value < 0.05).any(axis=1).mean() <= 0.05


def test_looks_together_only_narrow():
    nan = np.nan
    looks = Sequence(
        np.array([[nan, -2.0, -3.0, 1.0, 0.0]]),
        np.array([[nan, 5.0, 6.0, 4.0, 4.5]]),
        np.array([[nan, 0.5, 0.7, 0.01, 0.2]]),
    )
    low, high, p_value = over_looks(looks)
    np.testing.assert_array_equal(low, [[nan, -2, -2, 1, 1]])
    np.testing.assert_array_equal(high, [[nan, 5, 5, 4, 4]])
    np.testing.assert_array_equal(p_value, [[nan, 0.5, 0.5, 0.01, 0.01]])


def test_no_looks_no_rows():
    assert all(column.size == 0 for column in confidence_sequence([], [], [], []))
