"""Thresholds hold on the boundary itself, and a regression is told apart from harder work."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roi_engine.metrics.alarms import outside_tolerance, over_human, uncovered
from roi_engine.metrics.difference import rate_difference
from roi_engine.metrics.regression import rate_change, regressed


def test_at_the_threshold_nothing_is_told():
    assert over_human([10.0], [10.0], [30]).tolist() == [False]
    assert uncovered([1], [100]).tolist() == [False]
    assert over_human([1.0], [0.0], [99]).tolist() == [False]


@pytest.mark.parametrize(
    ("off", "of", "told"),
    [
        pytest.param(-(10**8), 10**10, False, id="one per cent of ten"),
        pytest.param(-(10**8) - 1, 10**10, True, id="a nano-unit more"),
        pytest.param(10**7, 10**6, False, id="a cent of nearly nothing"),
        pytest.param(10**30, 10**32, False, id="larger than 64 bits"),
    ],
)
def test_a_gap_is_decided_to_the_nano_unit(off, of, told):
    limits = {"share": Decimal("0.01"), "amount": Decimal("0.01")}
    assert outside_tolerance([off], [of], **limits).tolist() == [told]


def test_no_rows_no_flags():
    assert outside_tolerance([], [], share=Decimal(0), amount=Decimal(0)).size == 0
    assert regressed(rate_change([], [], [], [], [])).size == 0


def test_one_kind_of_work_is_newcombe_itself():
    change = rate_change([0], [56], [70], [48], [80], level=0.95)
    plain = rate_difference([56], [70], [48], [80], limits="wilson")
    np.testing.assert_allclose(change.difference, plain)


def test_harder_work_is_no_regression():
    # both win 90 % of the easy and 40 % of the hard; the newer one is given the hard ones
    change = rate_change([0, 0], [90, 360], [100, 900], [810, 40], [900, 100])
    assert change.difference.estimate[0] == pytest.approx(0)
    assert not regressed(change)[0]
    assert change.new_tasks[0] == change.old_tasks[0] == 1000


def test_kinds_of_work_weigh_by_how_much_both_did_of_them():
    # 10·30/40 = 7.5 of the first kind, 30·90/120 = 22.5 of the second
    change = rate_change([0, 0], [5, 15], [10, 30], [27, 27], [30, 90])
    assert change.new[0] == pytest.approx((7.5 * 0.5 + 22.5 * 0.5) / 30)
    assert change.old[0] == pytest.approx((7.5 * 0.9 + 22.5 * 0.3) / 30)
    even = rate_change([0, 0], [5, 15], [10, 30], [27, 3], [30, 10])
    assert even.old[0] == pytest.approx((0.9 + 0.3) / 2)


def test_without_common_work_nothing_is_told():
    change = rate_change([0, 0], [0, 50], [0, 100], [90, 0], [100, 0])
    assert np.isnan(change.difference.high[0])
    assert not regressed(change)[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(30, 400), st.integers(30, 400), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_rates_swapped_change_only_the_sign(n, m, rate, seed):
    rng = np.random.default_rng(seed)
    k, j = rng.binomial(n, rate), rng.binomial(m, rate)
    there, back = rate_change([0], [k], [n], [j], [m]), rate_change([0], [j], [m], [k], [n])
    assert there.difference.low[0] == pytest.approx(-back.difference.high[0])


def test_two_equal_versions_are_told_apart_in_about_one_of_two_hundred():
    rng = np.random.default_rng(7)
    pairs, kinds = 20_000, 3
    index = np.repeat(np.arange(pairs), kinds)
    rates = rng.uniform(0.2, 0.95, index.size)
    n, m = rng.integers(5, 120, (2, index.size))
    change = rate_change(index, rng.binomial(n, rates), n, rng.binomial(m, rates), m)
    assert 0.002 < regressed(change).mean() < 0.008


def test_a_real_loss_is_found():
    rng = np.random.default_rng(8)
    index = np.arange(2000)
    tasks = np.full(2000, 300)
    change = rate_change(
        index, rng.binomial(300, 0.65, 2000), tasks, rng.binomial(300, 0.8, 2000), tasks
    )
    assert regressed(change).mean() > 0.9
