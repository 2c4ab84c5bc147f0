"""Bounds hold whatever the unseen was, and something unseen reaches each of them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.bounds import (
    adjusted_bounds,
    effect_bounds,
    return_bounds,
    success_share_bounds,
)

count = st.integers(0, 6)


@given(good=count, bad=count, unknown=count)
def test_a_share_lies_where_every_world_puts_it(good, bad, unknown):
    low, high = success_share_bounds([good], [bad], [unknown])
    whole = good + bad + unknown
    if whole == 0:
        assert np.isnan([low[0], high[0]]).all()
        return
    worlds = [(good + hidden) / whole for hidden in range(unknown + 1)]
    np.testing.assert_allclose([low[0], high[0]], [min(worlds), max(worlds)])


def test_nothing_unknown_leaves_a_point():
    low, high = success_share_bounds([3], [1], [0])
    assert low[0] == high[0] == 0.75


@pytest.mark.parametrize("ends", [(0.8, 0.2), (np.nan, 1.0)], ids=["crossed", "missing"])
def test_ends_that_hold_nothing_give_nothing(ends):
    assert np.isnan(success_share_bounds([3], [1], [2], *ends)).all()
    assert np.isnan(return_bounds([ends[0]], [ends[1]], [1.0], [2.0])).all()


def test_an_effect_is_bounded_by_every_counterfactual():
    agent, human = (2, 1, 1), (1, 2, 1)
    effects = []
    for seen_a, seen_h in product(range(agent[2] + 1), range(human[2] + 1)):
        for other_a, other_h in product(range(5), range(5)):
            with_agent = (agent[0] + seen_a + other_h) / 8
            without = (human[0] + seen_h + other_a) / 8
            effects.append(with_agent - without)
    low, high = effect_bounds(
        *([x] for x in agent),
        **dict(zip(("human_good", "human_bad", "human_unknown"), human, strict=True)),
    )
    np.testing.assert_allclose([low[0], high[0]], [min(effects), max(effects)])


@given(
    known=st.floats(-100, 100),
    values=st.lists(st.floats(0, 50), max_size=5),
    each=st.floats(0, 30),
)
@settings(max_examples=60)
def test_adjusted_return_holds_in_every_world_and_is_reached(known, values, each):
    found = adjusted_bounds([known], [40.0], [len(values)], [sum(values)], [each])
    worlds = []
    for bad in product([False, True], repeat=len(values)):
        value = known + sum(v for v, b in zip(values, bad, strict=True) if not b)
        cost = 40.0 + each * sum(bad)
        worlds.append((value - cost) / cost)
    low, high = found.roi.low[0], found.roi.high[0]
    assert low - 1e-9 <= min(worlds)
    assert max(worlds) <= high + 1e-9
    if known >= 0:
        np.testing.assert_allclose([low, high], [min(worlds), max(worlds)], rtol=1e-9, atol=1e-9)


def test_a_hallucination_among_losing_successes_is_covered_too():
    found = adjusted_bounds([0.0], [10.0], [2], [5.0], [1.0], unknown_loss=[-3.0])
    worlds = [(5 * a - 3 * b - c) / c for a in (0, 1) for b in (0, 1) for c in [12 - a - b]]
    assert found.roi.low[0] <= min(worlds)
    assert max(worlds) <= found.roi.high[0]
    assert (found.value.low[0], found.value.high[0]) == (-3.0, 5.0)


def test_a_bounded_share_narrows_both_ends():
    wide = adjusted_bounds([0.0], [400.0], [100], [800.0], [2.0])
    narrow = adjusted_bounds([0.0], [400.0], [100], [800.0], [2.0], share_low=0.05, share_high=0.10)
    assert narrow.value == (720.0, 760.0)
    assert narrow.cost == (410.0, 420.0)
    assert wide.roi.low[0] < narrow.roi.low[0] < narrow.roi.high[0] < wide.roi.high[0]


def test_a_missing_loss_hides_cost_and_return_but_not_value():
    found = adjusted_bounds([1.0], [10.0], [2], [5.0], [np.nan])
    assert found.value.high[0] == 6
    assert np.isnan([*found.cost.high, *found.roi.low, *found.roi.high]).all()


def test_no_rows():
    assert adjusted_bounds([], [], [], [], []).roi.low.shape == (0,)


def test_a_negative_value_returns_least_at_the_least_cost():
    low, high = return_bounds([-10.0, 1.0], [-5.0, 2.0], [20.0, 0.0], [40.0, 1.0])
    assert (low[0], high[0]) == (-1.5, -1.125)
    assert np.isnan([low[1], high[1]]).all()
