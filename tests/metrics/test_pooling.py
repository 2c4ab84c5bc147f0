"""The pooled posterior against plain integration of the same mixture."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from roi_engine.metrics.hallucination import jeffreys
from roi_engine.metrics.pooling import pool, pooled


@pytest.mark.parametrize(
    ("reviewed", "hallucinated"),
    [
        pytest.param([5, 5, 5, 5], [0, 1, 0, 0], id="five reviews a cell"),
        pytest.param([50, 20, 80], [3, 2, 9], id="fifty"),
        pytest.param([2000, 900, 1500], [30, 80, 40], id="many, and unlike"),
    ],
)
def test_quantiles_are_those_of_the_mixture(reviewed, hallucinated):
    points = pool(reviewed, hallucinated)
    rate = pooled(points, reviewed, hallucinated)
    for cell, (n, h) in enumerate(zip(reviewed, hallucinated, strict=True)):
        parts = stats.beta(points.a + h, points.b + n - h)
        for tail, found in ((0.025, rate.low[cell]), (0.975, rate.high[cell])):
            # within a fraction of a bin of rates, and two parts in a thousand
            near = np.array([-1, 1]) * (2e-3 * found + 3e-6) + found
            below, above = (points.weight * parts.cdf(near[:, None])).sum(axis=-1)
            assert below <= tail <= above
        assert rate.mean[cell] == pytest.approx((points.weight * parts.mean()).sum(), rel=1e-9)


def test_weights_are_prior_times_beta_binomial_likelihood():
    n, h = np.array([10, 20, 15]), np.array([1, 0, 3])
    points = pool(n, h)
    a, b = points.a, points.b
    fit = sum(stats.betabinom.logpmf(k, m, a, b) for k, m in zip(h, n, strict=True))
    kappa, mu = a + b, a / (a + b)
    # nodes of μ lie evenly in arcsine scale, so the width of a bin goes with √(μ(1 − μ));
    # those of κ lie evenly in log scale, so it goes with κ
    prior = np.sqrt(mu * (1 - mu)) * kappa * (1 + kappa) ** -1.5
    expected = prior * np.exp(fit)
    np.testing.assert_allclose(points.weight, expected / expected.sum(), rtol=0.02, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(
    units=st.lists(
        st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        min_size=3,
        max_size=6,
    ),
    seed=st.integers(0, 99),
)
def test_the_order_of_units_does_not_show(units, seed):
    n, h = np.array(units, dtype=float).T
    order = np.random.default_rng(seed).permutation(n.size)
    straight, mixed = pooled(pool(n, h), n, h), pooled(pool(n[order], h[order]), n, h)
    for left, right in zip(straight, mixed, strict=True):
        assert left.tobytes() == right.tobytes()


def test_a_cell_without_reviews_gets_its_neighbours_rate_with_a_wide_interval():
    points = pool([50] * 6, [3, 2, 4, 3, 2, 4])
    new, old = pooled(points, [0], [0]), pooled(points, [50], [3])
    assert new.low[0] < old.low[0] < old.high[0] < new.high[0]
    assert 0.02 < new.mean[0] < 0.15


def test_many_reviews_are_left_alone_by_the_pool():
    n, h = np.array([30_000.0, 10.0, 10.0]), np.array([1500.0, 5.0, 0.0])
    together, alone = pooled(pool(n, h), n, h), jeffreys(n, h)
    assert together.low[0] == pytest.approx(alone.low[0], rel=1e-2)
    assert together.high[0] == pytest.approx(alone.high[0], rel=1e-2)
