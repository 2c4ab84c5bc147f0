"""Bandits: forgetting, the probability of being best, floors, guardrails, honest read-outs."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate, stats

from roi_engine.metrics.bandit import (
    allocate,
    best_arm_probability,
    best_normal_arm_probability,
    discounted_counts,
    inverse_propensity_mean,
    is_barred,
)


def integral(wins, losses) -> np.ndarray:
    """Return P(best) by adaptive quadrature, an arm at a time."""
    arms = [stats.beta(1 + w, 1 + n) for w, n in zip(wins, losses, strict=True)]
    found = []
    for a, arm in enumerate(arms):

        def density(x, a=a, arm=arm):
            return arm.pdf(x) * np.prod([b.cdf(x) for i, b in enumerate(arms) if i != a])

        where = arm.ppf([1e-9, 0.01, 0.25, 0.5, 0.75, 0.99, 1 - 1e-9])
        found.append(integrate.quad(density, where[0], where[-1], points=where, limit=400)[0])
    return np.array(found)


@pytest.mark.parametrize(
    ("wins", "losses"),
    [
        pytest.param([0, 0], [0, 0], id="nothing seen"),
        pytest.param([3, 5, 2], [7, 5, 9], id="little seen"),
        pytest.param([300, 310, 20000], [700, 690, 46000], id="one arm known far better"),
        pytest.param([0, 4, 0.3], [2000, 9, 0.2], id="one never wins, one was forgotten"),
        pytest.param([5000, 5100, 5050, 4900], [95e3, 95e3, 95e3, 95e3], id="rare successes"),
        pytest.param([10**7, 10**7 + 500], [10**7, 10**7], id="ten million"),
    ],
)
def test_the_quadrature_agrees_with_an_adaptive_one(wins, losses):
    found = best_arm_probability([wins], [losses])[0]
    np.testing.assert_allclose(found, integral(wins, losses), atol=0.002)


def test_it_is_what_thompson_sampling_draws():
    wins, losses = np.array([8.0, 12.0, 6.5]), np.array([20.0, 25.0, 10.0])
    draws = np.random.default_rng(1).beta(1 + wins, 1 + losses, (200_000, 3)).argmax(axis=1)
    seen = np.bincount(draws, minlength=3) / draws.size
    np.testing.assert_allclose(best_arm_probability([wins], [losses])[0], seen, atol=0.005)


@settings(max_examples=30)
@given(counts=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=6))
def test_probabilities_sum_to_1_and_follow_their_arms(counts):
    wins, losses = np.array(counts).T
    found = best_arm_probability([wins, wins[::-1]], [losses, losses[::-1]])
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(found[0], found[1][::-1], atol=1e-9)


def test_two_normal_arms_have_a_closed_form():
    found = best_normal_arm_probability([[1.0, 0.4], [5.0, 5.0]], [[0.3, 0.5], [0.1, 9.0]])
    exact = stats.norm.cdf(0.6 / np.hypot(0.3, 0.5))
    np.testing.assert_allclose(found, [[exact, 1 - exact], [0.5, 0.5]], atol=0.002)


def test_missing_and_barred_arms_are_not_in_the_race():
    nan = np.nan
    found = best_arm_probability(
        [[9.0, 3.0, nan], [9.0, 3.0, 2.0], [1.0, 1.0, 1.0]],
        [[1.0, 3.0, nan], [1.0, 3.0, 2.0], [1.0, 1.0, 1.0]],
        is_barred=[[False] * 3, [True, False, False], [True] * 3],
    )
    assert np.isnan(found).tolist() == [[False, False, True], [True, False, False], [True] * 3]
    alone = best_arm_probability([[3.0, 2.0]], [[3.0, 2.0]])
    np.testing.assert_allclose(found[1, 1:], alone[0], atol=1e-3)
    assert allocate(found)[2].tolist() == [0, 0, 0]


@settings(max_examples=30)
@given(
    best=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=2, max_size=5),
    floor=st.floats(0, 0.2),
)
def test_every_arm_in_the_race_keeps_its_floor(best, floor):
    shares = np.array(best)
    if np.isnan(shares).all() or np.nansum(shares) == 0:
        return
    shares = shares / np.nansum(shares)
    given_out = allocate([shares], floor)[0]
    racing = ~np.isnan(shares)
    np.testing.assert_allclose(given_out.sum(), 1, rtol=1e-9)
    assert (given_out[racing] >= floor - 1e-12).all()
    assert (given_out[~racing] == 0).all()


@pytest.mark.parametrize("floor", [-0.1, 0.6])
def test_a_floor_that_leaves_no_choice_is_refused(floor):
    with pytest.raises(ValueError, match="floor"):
        allocate([[0.5, 0.5]], floor)


def test_an_arm_that_does_harm_gets_none():
    barred = is_barred([[0.001, 0.05]], limit=0.02)
    shares = allocate(best_arm_probability([[1.0, 90.0]], [[9.0, 10.0]], barred))
    assert shares.tolist() == [[1.0, 0.0]]


def test_an_old_step_counts_half_after_its_half_life():
    won = np.zeros((1, 11, 2))
    won[0, 0, 0] = won[0, -1, 1] = 8.0
    wins, losses = discounted_counts(won, won + 2 * (won > 0), discount=0.5 ** (1 / 10))
    np.testing.assert_allclose(wins, [[4, 8]])
    np.testing.assert_allclose(losses, [[1, 2]])


def test_a_recursion_of_days_gives_the_same_counts():
    rng = np.random.default_rng(2)
    tried = rng.integers(0, 9, (3, 40, 4)) + 0.0
    won = rng.binomial(tried.astype(int), 0.4) + 0.0
    wins = np.zeros((3, 4))
    for day in range(40):
        wins = 0.9 * wins + won[:, day]
    np.testing.assert_allclose(discounted_counts(won, tried, 0.9).wins, wins)


@pytest.mark.parametrize("discount", [0.0, 1.1])
def test_a_discount_out_of_range_is_refused(discount):
    with pytest.raises(ValueError, match="discount"):
        discounted_counts(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), discount)


def sums(weight: np.ndarray, reward: np.ndarray) -> list[float]:
    return [float(s.sum()) for s in (weight, reward, weight**2, weight * reward, reward**2)]


def test_equal_propensities_give_the_plain_mean_and_its_t_interval():
    x = np.random.default_rng(1).normal(3, 1, 50)
    found = inverse_propensity_mean(*sums(np.full(50, 4.0), 4 * x))
    ends = stats.t.interval(0.95, 49, x.mean(), stats.sem(x))
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-10)


def test_an_arm_that_was_popular_when_it_was_good_is_not_flattered():
    # half of the time the arm wins 60 % and has 80 % of the traffic, then 20 % and 10 %
    rng = np.random.default_rng(4)
    share = np.repeat([0.8, 0.1], 20_000)
    drawn = rng.random(40_000) < share
    won = rng.random(40_000) < np.repeat([0.6, 0.2], 20_000)
    plain = won[drawn].mean()
    found = inverse_propensity_mean(*sums(1 / share[drawn], (won / share)[drawn]), is_share=True)
    assert plain > 0.53
    assert found.low < 0.4 < found.high
    assert abs(found.estimate - 0.4) < 0.02


@pytest.mark.parametrize(
    ("weight", "reward", "is_share"),
    [
        pytest.param([], [], False, id="never drawn"),
        pytest.param([2.0], [2.0], False, id="drawn once"),
        pytest.param([2.0, 3.0], [2.0, 3.0], True, id="always won"),
        pytest.param([0.3] * 7, [0.03] * 7, False, id="no variance"),
    ],
)
def test_without_variance_there_is_no_interval(weight, reward, is_share):
    found = inverse_propensity_mean(*sums(np.array(weight), np.array(reward)), is_share=is_share)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.estimate) == (not weight)


def test_no_bandits():
    assert allocate(best_arm_probability(np.zeros((0, 3)), np.zeros((0, 3)))).shape == (0, 3)
