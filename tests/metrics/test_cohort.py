"""Cohorts: golden cases by hand, the product-limit estimate by brute force, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.cohort import cumulative_incidence
from roi_engine.metrics.win_rate import wilson

AGES, OUTCOMES = 6, 3


def cohorts(seed: int, rows: int, size: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ended = rng.integers(0, size, (rows, AGES, OUTCOMES)) * (rng.random((rows, AGES, 1)) < 0.7)
    left_open = rng.integers(0, size, (rows, AGES))
    left_open[:, -1] += 1
    return ended, left_open


def step_by_step(ended: np.ndarray, left_open: np.ndarray, horizon: int) -> np.ndarray:
    """Return F of one cohort by walking through the ages."""
    at_risk, surviving, share = ended.sum() + left_open.sum(), 1.0, np.zeros(ended.shape[1])
    for age in range(horizon + 1):
        if at_risk == 0:
            return share if surviving == 0 else np.full_like(share, np.nan)
        share += surviving * ended[age] / at_risk
        surviving *= (at_risk - ended[age].sum()) / at_risk
        at_risk -= ended[age].sum() + left_open[age]
    return share


def test_worked_by_hand():
    # day 0: 10 at risk, 4 end well, 2 are open; day 1: 4 at risk, 2 end well, 1 badly
    found = cumulative_incidence([[[4, 0], [2, 1]]], [[2, 1]], 1)
    np.testing.assert_allclose(found.estimate, [[0.4 + 0.6 * 0.5, 0.6 * 0.25]])
    # well: q_0 = 0.5, q_1 = 0; steps 0.4 + 0.6/4 − 0.7² = 0.06 of 10 and 0.25 of 4 at S = 0.6
    assert found.variance[0, 0] == pytest.approx(0.06 / 10 + 0.36 * 0.25 / 4)


def test_what_happens_after_the_horizon_is_not_seen():
    found = cumulative_incidence([[[4, 0], [2, 1]]], [[2, 1]], 0)
    np.testing.assert_allclose(found.estimate, [[0.4, 0.0]])


def test_each_cohort_has_its_own_horizon():
    ended, left_open = cohorts(seed=3, rows=2)
    both = cumulative_incidence(ended, left_open, [1, 4])
    for row, horizon in enumerate((1, 4)):
        alone = cumulative_incidence(ended[row : row + 1], left_open[row : row + 1], horizon)
        assert both.estimate[row].tobytes() == alone.estimate[0].tobytes()


@given(seed=st.integers(0, 10**6), horizon=st.integers(0, AGES + 2))
def test_it_is_the_product_limit_estimate(seed, horizon):
    ended, left_open = cohorts(seed, rows=4, size=3)
    found = cumulative_incidence(ended, left_open, min(horizon, AGES - 1))
    for row in range(4):
        expected = step_by_step(ended[row], left_open[row], min(horizon, AGES - 1))
        np.testing.assert_allclose(found.estimate[row], expected, atol=1e-12)


@given(seed=st.integers(0, 10**6))
def test_with_nobody_left_open_it_is_a_share_of_counts_with_wilsons_interval(seed):
    ended, _ = cohorts(seed, rows=3)
    ended[:, 0, 0] += 1
    found = cumulative_incidence(ended, np.zeros((3, AGES)), AGES)
    counts, total = ended.sum(axis=1), ended.sum(axis=(1, 2))[:, None]
    expected = wilson(counts, np.broadcast_to(total, counts.shape))
    share = counts / total
    np.testing.assert_allclose(found.estimate, share, atol=1e-12)
    np.testing.assert_allclose(found.variance, share * (1 - share) / total, atol=1e-12)
    np.testing.assert_allclose(found.low, expected.low, atol=1e-9)
    np.testing.assert_allclose(found.high, expected.high, atol=1e-9)


@given(seed=st.integers(0, 10**6))
def test_ends_enclose_the_share_and_outcomes_add_up_to_at_most_one(seed):
    ended, left_open = cohorts(seed, rows=5, size=3)
    found = cumulative_incidence(ended, left_open, 3)
    known = ~np.isnan(found.estimate)
    assert (found.low[known] >= 0).all()
    assert (found.low <= found.estimate)[known].all()
    assert (found.estimate <= found.high)[known].all()
    assert (found.high[known] <= 1).all()
    assert np.array_equal(known, ~np.isnan(found.high))
    assert (np.nansum(found.estimate, axis=1) <= 1 + 1e-12).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 5))
def test_a_row_does_not_depend_on_the_others(seed, rows):
    ended, left_open = cohorts(seed, rows, size=3)
    together = cumulative_incidence(ended, left_open, 4)
    for row in range(rows):
        alone = cumulative_incidence(ended[row : row + 1], left_open[row : row + 1], 4)
        for mine, theirs in zip(alone, together, strict=True):
            assert mine.tobytes() == theirs[row : row + 1].tobytes()


def test_variance_is_that_of_simulated_cohorts():
    rng = np.random.default_rng(5)
    cohort_count, size = 4000, 80
    age = rng.geometric(0.3, (cohort_count, size)) - 1
    well = rng.random((cohort_count, size)) < 0.6
    seen_until = rng.integers(2, 9, (cohort_count, size))
    is_open = age > seen_until
    where = np.where(is_open, seen_until, age)
    ended, left_open = np.zeros((cohort_count, 9, 2), int), np.zeros((cohort_count, 9), int)
    row = np.broadcast_to(np.arange(cohort_count)[:, None], where.shape)
    np.add.at(ended, (row[~is_open], where[~is_open], well[~is_open].astype(int)), 1)
    np.add.at(left_open, (row[is_open], where[is_open]), 1)
    found = cumulative_incidence(ended, left_open, 5)
    known = ~np.isnan(found.estimate[:, 1])
    share, variance = found.estimate[known, 1], found.variance[known, 1]
    assert known.mean() > 0.999
    assert share.mean() == pytest.approx(0.6 * (1 - 0.7**6), abs=0.005)
    assert variance.mean() == pytest.approx(share.var(), rel=0.06)


def test_nobody_followed_to_the_horizon_is_not_known():
    found = cumulative_incidence([[[3, 1], [0, 0]]], [[2, 0]], 1)
    assert all(np.isnan(column).all() for column in found)


def test_a_horizon_past_all_ages_is_not_known_while_tasks_are_open():
    found = cumulative_incidence([[[3, 1], [2, 0]]], [[0, 1]], 2)
    assert all(np.isnan(column).all() for column in found)


def test_a_cohort_that_has_ended_needs_no_follow_up():
    found = cumulative_incidence([[[3, 1], [0, 0]]], [[0, 0]], 30)
    np.testing.assert_allclose(found.estimate, [[0.75, 0.25]])


def test_an_outcome_never_seen_has_an_interval_from_zero():
    found = cumulative_incidence([[[8, 0], [4, 0]]], [[4, 4]], 1)
    assert found.estimate[0, 1] == found.low[0, 1] == 0
    assert 0.15 < found.high[0, 1] < 0.35


def test_an_open_task_is_not_a_failure_to_succeed():
    naive = 4 / 10
    assert cumulative_incidence([[[4], [2]]], [[4, 0]], 1).estimate[0, 0] > naive


@pytest.mark.parametrize(
    ("ended", "left_open"),
    [
        pytest.param(np.zeros((0, 3, 2)), np.zeros((0, 3)), id="no cohort"),
        pytest.param(np.zeros((2, 3, 2)), np.zeros((2, 3)), id="cohorts without a task"),
        pytest.param(np.zeros((2, 0, 2)), np.zeros((2, 0)), id="no age"),
    ],
)
def test_nothing_is_known_of_nothing(ended, left_open):
    found = cumulative_incidence(ended, left_open, 1)
    assert found.estimate.shape == (ended.shape[0], ended.shape[2])
    assert all(np.isnan(column).all() for column in found)


@pytest.mark.parametrize(
    ("left_open", "horizon", "message"),
    [
        pytest.param(np.zeros((1, 2)), 1, "shape", id="open tasks at other ages"),
        pytest.param(np.zeros((1, 3)), -1, "negative", id="a horizon before the start"),
    ],
)
def test_what_does_not_belong_together_is_refused(left_open, horizon, message):
    with pytest.raises(ValueError, match=message):
        cumulative_incidence(np.zeros((1, 3, 2)), left_open, horizon)
