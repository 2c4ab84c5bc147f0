"""Differences of rates and of means against published cases and scipy."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.difference import Sums, grounding_effect, mean_difference, rate_difference
from roi_engine.metrics.hallucination import effective_sample


@pytest.mark.parametrize(
    ("k", "n", "other_k", "other_n", "low", "high"),
    [
        # Newcombe 1998, table II, method 10
        pytest.param(56, 70, 48, 80, 0.0524, 0.3339, id="seventy against eighty"),
        pytest.param(9, 10, 3, 10, 0.1705, 0.8090, id="ten against ten"),
        pytest.param(5, 56, 0, 29, -0.0381, 0.1926, id="a zero cell"),
        pytest.param(10, 10, 0, 10, 0.6075, 1.0, id="all against none"),
    ],
)
def test_published_intervals(k, n, other_k, other_n, low, high):
    found = rate_difference([k], [n], [other_k], [other_n], limits="wilson")
    np.testing.assert_allclose([found.low[0], found.high[0]], [low, high], atol=6e-5)


def test_jeffreys_limits_are_those_of_the_beta():
    found = rate_difference([3], [20], [0], [15])
    p, (l1, u1) = 0.15, stats.beta(3.5, 17.5).ppf([0.025, 0.975])
    u2 = stats.beta(0.5, 15.5).ppf(0.975)
    assert found.low[0] == pytest.approx(p - np.hypot(p - l1, u2))
    assert found.high[0] == pytest.approx(p + (u1 - p))


share = st.tuples(st.floats(0, 1), st.floats(0.2, 1e5)).map(
    lambda pair: (pair[0] * pair[1], pair[1])
)


@given(one=share, other=share, limits=st.sampled_from(["jeffreys", "wilson"]))
def test_ends_enclose_the_difference_and_swapping_sides_mirrors_it(one, other, limits):
    found = rate_difference(*one, *other, limits=limits)
    assert -1 - 1e-9 <= found.low <= found.estimate <= found.high <= 1 + 1e-9
    mirrored = rate_difference(*other, *one, limits=limits)
    np.testing.assert_allclose(mirrored.low, -found.high, atol=1e-12)


@given(one=share, other=share)
def test_more_of_the_same_narrows_it(one, other):
    found = rate_difference(*one, *other)
    more = rate_difference(*(4 * x for x in one), *(4 * x for x in other))
    assert more.high - more.low <= found.high - found.low + 1e-12


@pytest.mark.parametrize("limits", ["jeffreys", "wilson"])
def test_a_side_without_trials_has_no_difference(limits):
    found = rate_difference([0, 3], [0, 10], [2, 0], [10, 0], limits=limits)
    assert np.isnan(found).all()


def test_unequal_weights_widen_the_grounding_effect():
    plain = effective_sample([100.0], [100.0], [10.0])
    weighted = effective_sample([100.0], [500.0], [10.0])
    narrow, wide = grounding_effect(plain, plain), grounding_effect(weighted, plain)
    assert wide.estimate[0] == pytest.approx(narrow.estimate[0], abs=1e-12)
    assert wide.high[0] - wide.low[0] > narrow.high[0] - narrow.low[0]


def test_retrieval_that_helps_is_below_zero():
    grounded, ungrounded = (effective_sample([200.0], [200.0], [h]) for h in (4.0, 40.0))
    assert grounding_effect(grounded, ungrounded).high[0] < 0


def sums(x: np.ndarray) -> Sums:
    return Sums([x.size], [x.sum()], [(x**2).sum()])


@given(seed=st.integers(0, 10**6), n=st.integers(2, 30), m=st.integers(2, 30))
def test_means_are_compared_as_scipy_does(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(3, 2, n), rng.normal(1, 5, m)
    found = mean_difference(sums(x), sums(y))
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    np.testing.assert_allclose([found.low[0], found.high[0]], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "low"),
    [
        pytest.param([2.0, 2.0], [1.0, 1.0, 1.0], 1.0, id="two constants differ exactly"),
        pytest.param([2.0], [1.0, 4.0], np.nan, id="one value has no spread"),
        pytest.param([], [1.0, 4.0], np.nan, id="an empty group"),
    ],
)
def test_ends_of_small_groups(first, second, low):
    found = mean_difference(sums(np.array(first)), sums(np.array(second)))
    np.testing.assert_equal(found.low[0], low)
