"""The review planner: its closed form against a sum, its greed against every split."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import betabinom

from roi_engine.metrics.review_plan import (
    Cells,
    beta_from_moments,
    expected_variance,
    plan_reviews,
)


def drawn(seed: int, count: int, most: int, minutes: tuple[float, ...] = (6.0,)) -> Cells:
    rng = np.random.default_rng(seed)
    return Cells(
        rng.uniform(0.5, 5, count),
        rng.uniform(2, 60, count),
        rng.integers(0, most + 1, count).astype(float),
        rng.uniform(0, 30, count),
        rng.uniform(0, 30, count),
        rng.choice(minutes, count),
    )


@given(
    a=st.floats(0.5, 20),
    b=st.floats(0.5, 20),
    outputs=st.integers(1, 30),
    data=st.data(),
)
@settings(max_examples=50, deadline=None)
def test_the_expected_variance_is_the_sum_over_all_findings(a, b, outputs, data):
    n = data.draw(st.integers(0, outputs))
    found = np.arange(n + 1)
    chance = betabinom.pmf(found, n, a, b)
    left = betabinom.var(outputs - n, a + found, b + n - found) if n < outputs else 0.0 * found
    cells = Cells([a], [b], [outputs], [2.0], [1.0], [1.0])
    np.testing.assert_allclose(
        expected_variance(cells, [n])[0], 9 * (chance * left).sum(), rtol=1e-9
    )


@pytest.mark.parametrize("seed", range(12))
def test_no_split_of_equal_minutes_is_better(seed):
    cells, budget = drawn(seed, 3, 7), 50.0
    plan = plan_reviews(cells, budget)
    splits = (
        np.array(split, dtype=float)
        for split in product(*(range(int(u) + 1) for u in cells.unverified))
        if sum(split) * 6.0 <= budget
    )
    best = min(expected_variance(cells, split).sum() for split in splits)
    np.testing.assert_allclose(expected_variance(cells, plan.reviews).sum(), best, rtol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_a_split_of_unequal_minutes_is_better_by_less_than_one_review(seed):
    cells, budget = drawn(seed, 3, 7, (3.0, 5.0, 11.0)), 40.0
    plan = plan_reviews(cells, budget)
    best = min(
        expected_variance(cells, np.array(split, dtype=float)).sum()
        for split in product(*(range(int(u) + 1) for u in cells.unverified))
        if np.dot(split, cells.review_minutes) <= budget
    )
    one = (plan.gain_per_minute[np.isfinite(plan.gain_per_minute)]).max(initial=0.0) * 11
    assert expected_variance(cells, plan.reviews).sum() <= best + one
    assert plan.minutes <= budget


@given(seed=st.integers(0, 10**6), minutes=st.floats(0, 5000))
@settings(max_examples=60)
def test_a_plan_is_whole_and_keeps_its_budget(seed, minutes):
    cells = drawn(seed, 8, 200, (2.0, 6.0, 15.0))
    plan = plan_reviews(cells, minutes)
    assert (plan.reviews == np.floor(plan.reviews)).all()
    assert (plan.reviews <= cells.unverified).all()
    assert plan.minutes <= minutes
    unfinished = plan.reviews < cells.unverified
    # nothing affordable is left undone
    assert (np.asarray(cells.review_minutes)[unfinished] > minutes - plan.minutes).all()
    assert plan.width_expected <= plan.width_before


def test_like_cells_share_alike():
    plan = plan_reviews(Cells([1.0] * 4, [9.0] * 4, [50.0] * 4, 5.0, 5.0, 6.0), 6.0 * 10)
    assert sorted(plan.reviews.tolist()) == [2, 2, 3, 3]


@pytest.mark.parametrize("affordable", range(1, 12))
def test_the_last_minutes_go_where_they_narrow_most(affordable):
    cells = Cells([1.0] * 3, [9.0] * 3, [6.0] * 3, 5.0, np.array([1.0, 5.0, 5.0]), 6.0)
    plan = plan_reviews(cells, 6.0 * affordable)
    best = min(
        expected_variance(cells, np.array(split, dtype=float)).sum()
        for split in product(range(7), repeat=3)
        if sum(split) <= affordable
    )
    np.testing.assert_allclose(expected_variance(cells, plan.reviews).sum(), best, rtol=1e-12)


def test_a_cheap_cell_uses_what_a_dear_one_cannot():
    plan = plan_reviews(Cells(1.0, 9.0, [10.0, 1e9], [90.0, 1e-6], 0.0, [50.0, 1e-6]), 99.0)
    assert plan.reviews[0] == 1
    assert plan.minutes == pytest.approx(99.0)


def test_minutes_for_everything_leave_nothing_open():
    plan = plan_reviews(drawn(1, 5, 40), 1e9)
    assert plan.width_expected == 0
    assert plan.minutes < 1e9


def test_no_minutes_no_reviews():
    plan = plan_reviews(drawn(1, 5, 40), 0.0)
    assert plan.reviews.sum() == 0
    assert plan.width_expected == plan.width_before > 0


def test_cells_that_nobody_can_price_are_left_out():
    gone = np.nan
    cells = Cells(
        [gone, 1.0, 1.0, 1.0], [9.0] * 4, [50.0] * 4, 5.0, [5, gone, 5, 5], [6, 6, gone, 6]
    )
    plan = plan_reviews(cells, 60.0)
    assert plan.reviews.tolist() == [0, 0, 0, 10]
    np.testing.assert_equal(np.isnan(plan.gain_per_minute), [True, True, True, False])


def test_no_cells():
    plan = plan_reviews(Cells([], [], [], [], [], []), 60.0)
    assert (plan.reviews.size, plan.width_before) == (0, 0.0)


def test_negative_minutes_are_refused():
    with pytest.raises(ValueError, match="minutes"):
        plan_reviews(Cells([1.0], [9.0], [50.0], 5.0, 5.0, 6.0), -1.0)


def test_moments_that_no_beta_has_give_none():
    found = beta_from_moments([0.5, 0.5, 0.0], [0.3, 0.0, 0.1])
    assert np.isnan(found.a).all()


def test_it_beats_reviews_in_proportion_to_outputs_in_simulated_estates():
    rng = np.random.default_rng(5)
    planned, shared = [], []
    for estate in range(150):
        cells = drawn(estate, 6, 300)._replace(unverified=rng.integers(20, 300, 6).astype(float))
        budget = 6.0 * 90
        share = np.floor(np.asarray(cells.unverified) / np.sum(cells.unverified) * 90)
        rate = rng.beta(cells.a, cells.b)
        for reviews, errors in ((plan_reviews(cells, budget).reviews, planned), (share, shared)):
            seen = rng.binomial(reviews.astype(int), rate)
            rest = (np.asarray(cells.unverified) - reviews).astype(int)
            bad = rng.binomial(rest, rate)
            guess = rest * (cells.a + seen) / (cells.a + cells.b + reviews)
            stake = np.asarray(cells.value_at_stake) + np.asarray(cells.loss_per_hallucination)
            errors.append((stake * (bad - guess)).sum())
    assert np.square(planned).mean() < 0.75 * np.square(shared).mean()
