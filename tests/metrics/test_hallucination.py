"""Reviews as counts: Jeffreys, weights, and how many errors nobody saw."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.hallucination import effective_sample, jeffreys, loss_per_hallucination
from roi_engine.metrics.undetected import beta_binomial_interval


@given(n=st.integers(1, 10**6), data=st.data())
def test_jeffreys_holds_its_mean(n, data):
    h = data.draw(st.integers(0, n))
    rate = jeffreys([n], [h])
    assert 0 <= rate.low[0] < rate.high[0] <= 1
    assert 0 < rate.mean[0] < 1


@given(n=st.integers(1, 1000), weight=st.integers(1, 10**6), data=st.data())
def test_equal_weights_leave_the_counts_as_they_are(n, weight, data):
    h = data.draw(st.integers(0, n))
    found = effective_sample([n * weight], [n * weight**2], [h * weight])
    assert found.reviewed[0] == pytest.approx(n)
    assert found.hallucinated[0] == pytest.approx(h)


def test_unequal_weights_are_worth_fewer_reviews():
    # 10 reviews of weight 1 and 10 of weight 9: (100)² / (10 + 810)
    found = effective_sample([100], [820], [9])
    assert found.reviewed[0] == pytest.approx(10_000 / 820)
    assert found.hallucinated[0] == pytest.approx(10_000 / 820 * 0.09)


def test_no_review_is_zero_and_not_missing():
    assert effective_sample([0], [0], [0]) == (0, 0)


@given(
    outputs=st.integers(0, 3000),
    a=st.floats(0.3, 50),
    b=st.floats(1, 500),
)
def test_counts_are_the_likeliest_of_the_beta_binomial(outputs, a, b):
    mean = a / (a + b)
    found = beta_binomial_interval([outputs], [mean], [mean * (1 - mean) / (a + b + 1)])
    low, high = int(found.low[0]), int(found.high[0])
    chance = stats.betabinom(outputs, a, b).pmf(np.arange(outputs + 1))
    inside, outside = chance[low : high + 1], np.delete(chance, np.s_[low : high + 1])
    assert inside.min() >= outside.max(initial=0.0) * (1 - 1e-6)
    # half of the last one's chance is over 95 %, half of the next one's would not fit
    assert inside.size == 1 or inside.sum() - inside.min() / 2 <= 0.95 + 1e-9
    assert outside.size == 0 or inside.sum() + outside.max() / 2 >= 0.95 - 1e-9


def test_counts_by_hand():
    # Beta(1, 1) and four outputs: every count from 0 to 4 has a fifth
    # the fifth's own half makes 90 %, which still fits
    assert np.ravel(beta_binomial_interval([4], [0.5], [1 / 12])).tolist() == [0, 4]
    # one output, wrong in 1 of 100: 0 alone; in 1 of 5: 0.8 + 0.1 fits
    assert np.ravel(beta_binomial_interval([1], [0.01], [0.0001])).tolist() == [0, 0]
    assert np.ravel(beta_binomial_interval([1], [0.2], [0.01])).tolist() == [0, 1]


def test_large_counts_join_the_exact_ones():
    mean, variance = 0.05, 0.05 * 0.95 / 200
    exact = beta_binomial_interval([20_000], [mean], [variance])
    smooth = beta_binomial_interval([20_001], [mean], [variance])
    np.testing.assert_allclose(np.ravel(exact), np.ravel(smooth), rtol=2e-3)


def test_a_missing_assumption_makes_the_loss_missing():
    assert np.isnan(loss_per_hallucination([np.nan], [1.0], [15.0], [50.0]))
    assert np.isnan(loss_per_hallucination([2.0], [1.0], [np.nan], [50.0]))
    assert loss_per_hallucination([2.0], [0.5], [15.0], [50.0]) == 8.25
