"""Rights are gained slowly and lost quickly, and never flicker."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.policy import UP_DAYS, calls_left, levels, with_hysteresis


def held(*days, known=None):
    row = np.array([days])
    return int(with_hysteresis(row, np.ones_like(row, bool) if known is None else known)[0])


@pytest.mark.parametrize(
    ("days", "level"),
    [
        pytest.param([3] * 6, 0, id="six days prove nothing"),
        pytest.param([3] * 7, 3, id="a week proves its level"),
        pytest.param([4, 3, 4, 2, 4, 3, 4], 2, id="the week's worst day is what is proven"),
        pytest.param([3] * 7 + [1, 1], 3, id="two bad days are endured"),
        pytest.param([3] * 7 + [1, 2, 1], 2, id="three take the level down to their best"),
        pytest.param([3] * 7 + [1, 1, 1] + [4] * 6, 1, id="six good days do not bring it back"),
        pytest.param([3] * 7 + [1, 1, 1] + [4] * 7, 4, id="seven do"),
        pytest.param([3, 2] * 10, 2, id="a level that alternates does not flicker"),
        pytest.param([3] * 7 + [0] * 3, 0, id="no interval for three days: nothing is proven"),
    ],
)
def test_levels_over_days(days, level):
    assert held(*days) == level


def test_days_that_do_not_count_are_not_there():
    known = np.array([[True] * 7 + [False] * 5])
    assert held(*([3] * 7 + [1] * 5), known=known) == 3


def test_thresholds_are_those_of_the_bands():
    assert levels([0.199999, 0.2, 0.499, 0.5, 0.6, 0.6000001]).tolist() == [1, 2, 2, 3, 3, 4]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 4))
def test_better_days_never_take_rights_away(days, floor):
    better = [max(day, floor) for day in days]
    assert held(*better) >= held(*days)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=UP_DAYS, max_size=40))
def test_nothing_is_held_that_was_never_seen(days):
    assert held(*days) <= max(days)


def test_calls_left_are_whole_and_never_negative():
    assert calls_left([0.99], [0.25]).tolist() == [3.0]
    assert calls_left([-5.0], [0.25]).tolist() == [0.0]
    assert np.isnan(calls_left([5.0], [np.nan])).all()
