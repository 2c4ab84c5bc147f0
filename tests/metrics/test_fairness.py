"""Selection ratios and the four-fifths rule: exact at its edge, silent about small groups."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from roi_engine.metrics.fairness import (
    VERDICTS,
    four_fifths,
    selection_ratio,
    selection_ratio_by_day,
)
from roi_engine.metrics.win_rate import wilson

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def alone(*groups: tuple[int, int]) -> list[tuple[list[int], list[int]]]:
    """Return each group as the only one of its table."""
    return [([k], [n]) for k, n in groups]


def test_it_follows_the_formula():
    (p, lp, up), (q, lq, uq) = wilson(36, 60), wilson(160, 200)
    low = (p * q - np.sqrt((p * q) ** 2 - lp * uq * (2 * p - lp) * (2 * q - uq))) / (
        uq * (2 * q - uq)
    )
    high = (p * q + np.sqrt((p * q) ** 2 - up * lq * (2 * p - up) * (2 * q - lq))) / (
        lq * (2 * q - lq)
    )
    found = selection_ratio(([36], [60]), ([160], [200]))
    np.testing.assert_allclose([found.low[0], found.high[0]], [low, high], rtol=1e-12)


def by_day(*rates: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 28 days of ``size`` tasks at the weeks' rates."""
    n = np.full((1, 28), size)
    return np.repeat(rates, 7)[None] * n, n


def test_days_that_differ_count_as_days():
    k, n = by_day(0.9, 0.5, 0.7, 0.3, size=20)
    steady, m = by_day(0.6, 0.6, 0.6, 0.6, size=20)
    found = selection_ratio_by_day((k, n), (steady, m))
    # blocks: each week's k − p·n over Σk, times 4/3 for the leverage of a quarter
    d = np.array([0.3, -0.1, 0.1, -0.3]) * 140 / 336 / 0.75
    reach = stats.t.ppf(0.975, 3) * np.sqrt((d**2).sum())
    np.testing.assert_allclose([found.low[0], found.high[0]], [np.exp(-reach), np.exp(reach)])
    by_task = selection_ratio((k.sum(axis=1), n.sum(axis=1)), (steady.sum(axis=1), m.sum(axis=1)))
    assert found.low[0] < by_task.low[0] < 1 < by_task.high[0] < found.high[0]


def test_what_both_groups_share_is_no_difference():
    k, n = by_day(0.9, 0.5, 0.7, 0.3, size=20)
    found = selection_ratio_by_day((0.8 * k, n), (3 * k, 3 * n))
    np.testing.assert_allclose(found, 0.8)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 200))
def test_turned_over_by_day_too(seed, size):
    rng = np.random.default_rng(seed)
    n, m = rng.poisson(size / 28, (2, 1, 28))
    k, j = rng.binomial(n, 0.6), rng.binomial(m, 0.3)
    mine, theirs = (k, n), (j, m)
    there, back = selection_ratio_by_day(mine, theirs), selection_ratio_by_day(theirs, mine)
    if k.sum() and j.sum():
        np.testing.assert_allclose(there.low * back.high, 1)
        assert 0 <= there.low[0] <= there.estimate[0] <= there.high[0] < np.inf


def test_few_tasks_or_nobody_selected_leave_days_out():
    k, n = by_day(1 / 3, 1 / 3, 1 / 3, 2 / 3, size=3)
    for group in ((k, n), (0 * n, 40 * n)):
        whole = [tuple(part.sum(axis=1) for part in each) for each in (group, (k, n))]
        np.testing.assert_allclose(selection_ratio_by_day(group, (k, n)), selection_ratio(*whole))


def test_a_window_is_whole_weeks():
    with pytest.raises(ValueError, match="blocks of 7"):
        selection_ratio_by_day(([[1] * 27], [[2] * 27]), ([[1] * 27], [[2] * 27]))


@given(group=counts, reference=counts)
def test_ends_enclose_the_ratio_and_are_finite_or_missing(group, reference):
    found = selection_ratio(*alone(group, reference))
    if reference[0] == 0:
        assert np.isnan(found).all()
    else:
        assert 0 <= found.low[0] <= found.estimate[0] <= found.high[0] < np.inf


@given(group=counts, reference=counts)
def test_swapping_the_groups_turns_the_ratio_over(group, reference):
    there = selection_ratio(group, reference)
    back = selection_ratio(reference, group)
    if group[0] and reference[0]:
        np.testing.assert_allclose(there.low * back.high, 1)
        np.testing.assert_allclose(there.high * back.low, 1)


def test_nobody_selected_has_an_upper_end():
    found = selection_ratio(([0], [40]), ([30], [40]))
    assert found.estimate[0] == found.low[0] == 0
    assert 0 < found.high[0] < 0.2


@pytest.mark.parametrize(
    ("n", "n_ref", "p", "q"),
    [
        pytest.param(30, 30, 0.6, 0.75, id="groups of the least size"),
        pytest.param(30, 300, 0.97, 0.95, id="nearly all selected"),
        pytest.param(60, 200, 0.05, 0.1, id="few selected"),
    ],
)
def test_it_holds_what_it_promises(n, n_ref, p, q):
    k, k_ref = np.meshgrid(np.arange(n + 1), np.arange(1, n_ref + 1), indexing="ij")
    chance = stats.binom.pmf(k, n, p) * stats.binom.pmf(k_ref, n_ref, q)
    found = selection_ratio((k, n), (k_ref, n_ref))
    held = (found.low <= p / q) & (p / q <= found.high)
    assert 0.935 < (chance * held).sum() / chance.sum() < 0.985


@given(group=counts, reference=counts)
def test_the_verdict_is_exact(group, reference):
    (verdict,) = four_fifths(*alone(group, reference)).verdict
    assert verdict in VERDICTS
    if min(group[1], reference[1]) < 30 or reference[0] == 0:
        assert verdict == "insufficient_data"
    else:
        is_below = Fraction(*group) < Fraction(4, 5) * Fraction(*reference)
        assert verdict == ("below" if is_below else "within")


def test_exactly_four_fifths_is_within():
    assert four_fifths(([24], [100]), ([30], [100])).verdict[0] == "within"
    assert four_fifths(([24 * 10**16 - 1], [10**18]), ([30], [100])).verdict[0] == "below"


def test_a_small_group_shows_no_figure():
    judged = four_fifths(([1, 20], [29, 40]), ([20, 1], [40, 29]))
    assert np.isnan([judged.ratio, judged.low, judged.high]).all()
    assert judged.verdict.tolist() == ["insufficient_data"] * 2
    assert not judged.is_certain.any()


def test_certain_is_what_chance_does_not_explain():
    judged = four_fifths(([45, 450, 90], [100, 1000, 100]), ([60, 600, 90], [100, 1000, 100]))
    assert judged.verdict.tolist() == ["below", "below", "within"]
    assert judged.is_certain.tolist() == [False, False, False]
    worse = four_fifths(([4500, 90], [10_000, 100]), ([6000, 60], [10_000, 100]))
    assert worse.is_certain.tolist() == [True, False]


def test_no_group_no_verdict():
    assert four_fifths(([], []), ([], [])).verdict.shape == (0,)


def test_counts_are_whole():
    with pytest.raises(TypeError, match="exact"):
        four_fifths(([0.5], [40]), ([20], [40]))
