"""Investments: paid back when, worth what, and amortised to the last nano-unit."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from roi_engine.metrics.investment import (
    amortised_on,
    amortised_until,
    net_present_value,
    payback_days,
)


@pytest.mark.parametrize(
    ("net", "investment", "expected"),
    [
        pytest.param([10.0] * 10, 100.0, 10.0, id="on the day the sum equals it"),
        pytest.param([10.0] * 9, 100.0, np.nan, id="never within the days given"),
        pytest.param([-5.0, 120.0, -50.0], 100.0, 2.0, id="a later loss does not move it"),
        pytest.param([-1.0], 0.0, 0.0, id="nothing invested, nothing to pay back"),
        pytest.param([60.0, np.nan, 60.0], 100.0, np.nan, id="a missing day hides the crossing"),
        pytest.param([120.0, np.nan], 100.0, 1.0, id="a missing day after it does not"),
        pytest.param([10.0], np.nan, np.nan, id="an unknown investment"),
        pytest.param([], 1.0, np.nan, id="no day"),
    ],
)
def test_payback(net, investment, expected):
    np.testing.assert_equal(payback_days([net], [investment])[0], expected)


def test_the_present_value_is_the_discounted_sum():
    net = [[5.0, -2.0, 7.0]]
    by_hand = -4 + sum(v / 1.2 ** (d / 365) for d, v in zip((1, 2, 3), net[0], strict=True))
    np.testing.assert_allclose(net_present_value(net, [4.0], [0.2]), by_hand, rtol=1e-13)
    np.testing.assert_allclose(net_present_value(net, [4.0], [0.0]), 6.0, rtol=1e-13)


def test_a_rate_that_takes_everything_has_no_present_value():
    assert np.isnan(net_present_value([[1.0]] * 3, [1.0] * 3, [-1.0, -2.0, np.nan])).all()


@given(cost=st.integers(-(10**24), 10**24), days=st.integers(1, 400))
def test_amortisation_loses_nothing(cost, days):
    age = np.arange(-2, days + 3)
    parts = amortised_on(cost, days, age)
    assert sum(parts) == cost
    assert np.cumsum(parts).tolist() == amortised_until(cost, days, age).tolist()
    assert len(set(parts[3 : days + 2].tolist())) <= 1


def test_a_credit_is_amortised_as_its_opposite():
    assert (-amortised_on(10, 3, [1, 2, 3])).tolist() == amortised_on(-10, 3, [1, 2, 3]).tolist()


def test_money_as_a_float_is_refused():
    with pytest.raises(TypeError, match="exact"):
        amortised_on(0.5, 3, 1)


def test_a_life_of_no_day_is_refused():
    with pytest.raises(ValueError, match="one day"):
        amortised_until(10, 0, 1)
