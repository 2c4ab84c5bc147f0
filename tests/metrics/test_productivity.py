"""Productivity on a like-for-like mix: Simpson's case, its overlap, and its interval."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from roi_engine.metrics.productivity import (
    Strata,
    productivity_delta,
    quality_adjusted_productivity,
    standardised_baseline,
)


def strata(times: list[list[float]]) -> Strata:
    """Return the sums of one row of strata, each a list of minutes."""
    return Strata(
        np.array([[len(part) for part in times]]),
        np.array([[sum(part) for part in times]]),
        np.array([[sum(t * t for t in part) for part in times]]),
    )


def drawn(seed: int, rows: int = 1, kinds: int = 4) -> Strata:
    rng = np.random.default_rng(seed)
    times = rng.lognormal(2, 0.7, (rows, kinds, 12))
    counted = np.arange(12) < rng.integers(2, 13, (rows, kinds))[..., None]
    return Strata(
        counted.sum(axis=-1), (times * counted).sum(axis=-1), (times**2 * counted).sum(axis=-1)
    )


def test_simpson_an_agent_that_is_slower_on_every_kind_of_case_is_slower():
    people = strata([[4.0, 6.0], [20.0] * 7 + [18.0, 22.0]])
    agent = strata([[5.5] * 8 + [6.5] * 10, [22.0, 24.0]])
    plain_people, plain_agent = 190 / 11, (44 + 65 + 46) / 20
    assert plain_agent < plain_people
    assert productivity_delta(agent, people).estimate[0] < 0


def test_the_mix_is_the_agents_own():
    people = strata([[4.0, 6.0], [15.0, 25.0]])
    assert standardised_baseline([[3, 1]], people).estimate[0] == 0.75 * 5 + 0.25 * 20
    assert standardised_baseline([[1, 3]], people).estimate[0] == 0.25 * 5 + 0.75 * 20


def test_a_case_without_overlap_makes_it_unknown_and_says_how_many():
    people = strata([[4.0, 6.0], []])
    found = standardised_baseline([[90, 10]], people)
    assert np.isnan([found.estimate, found.low, found.high]).all()
    assert found.uncovered[0] == 0.1


def test_a_tolerated_gap_leaves_the_shared_strata_to_speak_for_both_sides():
    people = strata([[4.0, 6.0], []])
    agent = strata([[2.0, 3.0], [100.0]])
    found = productivity_delta(agent, people, max_uncovered=0.5)
    assert found.estimate[0] == pytest.approx(5 / 2.5 - 1)
    assert found.uncovered[0] == pytest.approx(1 / 3)


def test_one_stratum_is_a_t_interval_on_the_log_scale_with_fewer_degrees_of_freedom():
    times = np.array([3.0, 5.0, 4.0, 9.0, 6.0, 3.0])
    found = standardised_baseline([[10]], strata([times.tolist()]))
    c = times.var(ddof=1) / times.mean() ** 2
    df = 5 / (1 + 4 * c + 5.5 * c**2 + 3 * c**3 + c**4 / 2)
    reach = stats.t.ppf(0.975, df) * np.sqrt(c / 6)
    ends = times.mean() * np.exp([-reach, reach])
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, rtol=1e-10)


def test_strata_lend_each_other_their_coefficient_of_variation():
    easy, hard = np.array([4.0, 6.0, 5.0, 7.0]), np.array([20.0, 36.0])
    found = standardised_baseline([[3, 1]], strata([easy.tolist(), hard.tolist()]))
    own = [part.var(ddof=1) / part.mean() ** 2 for part in (easy, hard)]
    pooled = (3 * own[0] + own[1]) / 4
    # four degrees of freedom in all: the easy cases borrow one, the hard ones three
    drawn_in = np.array([(3 * own[0] + pooled) / 4, (own[1] + 3 * pooled) / 4])
    share = np.array([0.75 * easy.mean(), 0.25 * hard.mean()])
    error = (share / share.sum()) ** 2 * drawn_in / [4, 2]
    divisor = 1 + 4 * pooled + 5.5 * pooled**2 + 3 * pooled**3 + pooled**4 / 2
    df = error.sum() ** 2 / (error**2 * divisor / 4).sum()
    reach = stats.t.ppf(0.975, max(df, 1)) * np.sqrt(error.sum())
    np.testing.assert_allclose(found.high[0], share.sum() * np.exp(reach), rtol=1e-10)


def test_the_divisor_is_how_the_squared_cv_of_log_normal_times_varies():
    rng = np.random.default_rng(4)
    sigma, n = 0.4, 400
    x = rng.lognormal(0, sigma, (20_000, n))
    c = np.exp(sigma**2) - 1
    seen = np.log(x.var(axis=1, ddof=1) / x.mean(axis=1) ** 2).var()
    divisor = 1 + 4 * c + 5.5 * c**2 + 3 * c**3 + c**4 / 2
    assert seen == pytest.approx(2 / (n - 1) * divisor, rel=0.05)


def test_a_single_case_borrows_its_spread_from_its_neighbours():
    known = productivity_delta(strata([[5.0], [3.0, 4.0, 5.0]]), strata([[9.0, 8.0], [6.0, 7.0]]))
    assert np.isfinite([known.low, known.high]).all()
    lonely = productivity_delta(strata([[5.0], [3.0]]), strata([[9.0, 8.0], [6.0, 7.0]]))
    assert np.isfinite(lonely.estimate).all()
    assert np.isnan([lonely.low, lonely.high]).all()


def test_times_that_never_vary_have_an_interval_of_no_width():
    found = productivity_delta(strata([[2.0] * 4]), strata([[4.0] * 4]))
    assert (found.estimate[0], found.low[0], found.high[0]) == (1.0, 1.0, 1.0)


def test_an_agent_that_took_no_time_has_no_delta():
    found = productivity_delta(strata([[0.0, 0.0]]), strata([[4.0, 5.0]]))
    assert np.isnan([found.estimate, found.low, found.high]).all()


@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3))
def test_the_unit_of_time_does_not_show_in_the_delta(seed, factor):
    agent, people = drawn(seed), drawn(seed + 1)
    scaled = [Strata(s.cases, s.minutes * factor, s.squares * factor**2) for s in (agent, people)]
    minutes, other = productivity_delta(agent, people), productivity_delta(*scaled)
    np.testing.assert_allclose(minutes, other, rtol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 5))
def test_a_row_does_not_depend_on_the_others(seed, rows):
    agent, people = drawn(seed, rows), drawn(seed + 1, rows)
    together = productivity_delta(agent, people)
    for row in range(rows):
        one = slice(row, row + 1)
        alone = productivity_delta(
            Strata(*(part[one] for part in agent)), Strata(*(part[one] for part in people))
        )
        for mine, theirs in zip(alone, together, strict=True):
            assert mine.tobytes() == theirs[one].tobytes()


@given(seed=st.integers(0, 10**6))
def test_swapped_sides_give_the_inverse(seed):
    left, right = drawn(seed), drawn(seed + 1)
    same = Strata(right.cases * 0 + left.cases, right.minutes, right.squares)
    there, back = productivity_delta(left, same), productivity_delta(same, left)
    np.testing.assert_allclose((1 + there.estimate) * (1 + back.estimate), 1)
    np.testing.assert_allclose((1 + there.low) * (1 + back.high), 1)


def test_one_baseline_serves_many_rows():
    people = Strata([4, 4], [20.0, 80.0], [110.0, 1700.0])
    found = standardised_baseline([[1, 0], [0, 1], [1, 1]], people)
    assert found.estimate.tolist() == [5.0, 20.0, 12.5]


@pytest.mark.parametrize(
    "mix",
    [pytest.param(np.zeros((0, 2)), id="no row"), pytest.param(np.zeros((3, 2)), id="no case")],
)
def test_nothing_is_known_of_nothing(mix):
    found = standardised_baseline(mix, Strata([4, 4], [20.0, 80.0], [110.0, 1700.0]))
    assert all(column.shape == mix.shape[:1] and np.isnan(column).all() for column in found)


@given(seed=st.integers(0, 10**6))
def test_figures_are_finite_or_missing(seed):
    rng = np.random.default_rng(seed)
    extremes = [0.0, 1e-9, 1.0, 1e9, np.nan]
    sides = [Strata(rng.integers(0, 3, (6, 3)), *rng.choice(extremes, (2, 6, 3))) for _ in "ab"]
    for column in productivity_delta(*sides, max_uncovered=1.0):
        assert not np.isinf(column).any()


def test_throughput_counts_only_what_was_done_well():
    assert quality_adjusted_productivity([60], [3.0], [15], [20])[0] == 15.0
    assert np.isnan(quality_adjusted_productivity([60], [0.0], [15], [20])[0])
