"""The value plan: its optimum, its prices, and what it says where there is none."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.value_plan import FRONTIER, Limits, Needs, frontier, value_plan


def estate(seed: int) -> tuple[np.ndarray, Needs, Limits]:
    rng = np.random.default_rng(seed)
    agents, types = rng.integers(1, 5, 2)
    value = rng.normal(3, 4, (agents, types))
    value[rng.random(value.shape) < 0.2] = np.nan
    needs = Needs(*rng.uniform(0.1, 5, (3, agents, types)))
    room = rng.uniform(5, 200, 3)
    return value, needs, Limits(rng.uniform(0, 40, types), *room)


def used(plan, need) -> float:
    return float((plan.tasks * np.asarray(need)).sum())


@given(seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_a_plan_keeps_every_limit_and_strong_duality(seed):
    value, needs, limits = estate(seed)
    plan = value_plan(value, needs, limits)
    assert plan.status == "optimal"
    assert (plan.tasks[np.isnan(value)] == 0).all()
    assert (plan.tasks.sum(axis=0) <= np.asarray(limits.demand) + 1e-6).all()
    for need, room in zip(needs, limits[1:], strict=True):
        assert used(plan, need) <= room * (1 + 1e-6)
    # the prices of all that there is add up to the value: none better is possible
    worth = plan.demand_price @ np.asarray(limits.demand) + sum(
        price * room
        for price, room in zip(
            (plan.budget_price, plan.gpu_price, plan.vram_price), limits[1:], strict=True
        )
    )
    np.testing.assert_allclose(plan.net_value, worth, rtol=1e-6, atol=1e-6)


def test_no_whole_allocation_is_better():
    value, cost, demand, budget = np.array([[4.0, 3.0], [3.0, 1.0]]), [[2, 1], [1, 1]], (3, 4), 6
    plan = value_plan(value, Needs(cost), Limits(demand, budget))
    best = max(
        (np.array(x).reshape(2, 2) * value).sum()
        for x in product(range(5), repeat=4)
        if x[0] + x[2] <= 3 and x[1] + x[3] <= 4 and np.dot(x, np.ravel(cost)) <= budget
    )
    np.testing.assert_allclose(plan.net_value, best)


def test_a_price_is_what_one_more_unit_brings():
    value, needs = [[4.0, 3.0], [3.0, np.nan]], Needs([[2.0, 1.0], [1.0, 1.0]])
    plan, more = (value_plan(value, needs, Limits([10.0, 10.0], b)) for b in (25.0, 26.0))
    np.testing.assert_allclose(more.net_value - plan.net_value, plan.budget_price)
    assert plan.is_binding["budget"]
    assert plan.budget_price == 1.0
    wide = value_plan(value, needs, Limits([10.0, 10.0], 1000.0))
    assert wide.budget_price == 0
    assert not wide.is_binding["budget"]
    assert wide.demand_price.tolist() == [4.0, 3.0]


def test_gpu_memory_can_be_what_limits():
    plan = value_plan([[1.0]], Needs([[1.0]], [[1.0]], [[8.0]]), Limits([100.0], 90.0, 80.0, 400.0))
    assert plan.tasks.tolist() == [[50.0]]
    assert plan.vram_price == 0.125
    assert [name for name, tight in plan.is_binding.items() if tight] == ["vram_gib_hours"]


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        pytest.param(Limits([1.0], -1.0), "infeasible", id="a negative budget"),
        pytest.param(Limits([np.inf]), "unbounded", id="value without end"),
        pytest.param(Limits([np.nan], 1.0), "undefined", id="a demand that nobody knows"),
        pytest.param(Limits([1.0], np.nan), "undefined", id="a budget that nobody set"),
    ],
)
def test_no_plan_is_a_status_and_no_number(limits, status):
    plan = value_plan([[1.0]], Needs([[1.0]]), limits)
    assert plan.status == status
    assert np.isnan([plan.net_value, plan.spend, plan.budget_price, plan.tasks[0, 0]]).all()


def test_tasks_that_lose_money_are_left_alone():
    plan = value_plan([[-1.0]], Needs([[1.0]]), Limits([5.0], 5.0))
    assert (plan.status, plan.net_value, plan.tasks.tolist()) == ("optimal", 0.0, [[0.0]])


@pytest.mark.parametrize(
    "shape", [(1, 1), (0, 2), (2, 0)], ids=["nobody able", "no agent", "no type"]
)
def test_nobody_to_plan_for(shape):
    plan = value_plan(np.full(shape, np.nan), Needs(np.ones(shape)), Limits(np.ones(shape[1]), 5.0))
    assert (plan.status, plan.net_value) == ("optimal", 0.0)


def test_units_do_not_matter():
    value, needs, limits = estate(7)
    plan = value_plan(value, needs, limits)
    tiny = value_plan(value * 1e-9, needs, limits)
    np.testing.assert_allclose(tiny.tasks, plan.tasks, atol=1e-6)
    np.testing.assert_allclose(tiny.net_value, plan.net_value * 1e-9, rtol=1e-6)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_returns_diminish_along_the_frontier(seed):
    value, needs, limits = estate(seed)
    share = np.full(value.shape, 0.4)
    found = frontier(value, needs, limits, share)
    assert found.share.tolist() == list(FRONTIER)
    size = max(found.net_value[-1], 1.0)
    gains = np.diff(np.concatenate([[0.0], found.net_value]))
    assert (gains >= -1e-6 * size).all()
    assert (np.diff(gains) <= 1e-6 * size).all()
    known = np.isfinite(found.autonomous_share)
    np.testing.assert_allclose(found.autonomous_share[known], 0.4)


def test_no_budget_no_frontier():
    found = frontier([[1.0]], Needs([[1.0]]), Limits([1.0]), [[0.5]])
    assert np.isnan(found.net_value).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one demand"):
        value_plan([[1.0, 2.0]], Needs([[1.0, 1.0]]), Limits([1.0]))
