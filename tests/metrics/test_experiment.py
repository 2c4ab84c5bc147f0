"""Experiments: sums, sample ratio, CUPED on ratios, Welch, lift."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from roi_engine.metrics.experiment import (
    Sums,
    compare,
    sample_ratio,
    sum_units,
)


def one(x, y=None, before=None) -> Sums:
    return sum_units(np.zeros(len(x), dtype=int), 1, x, y, before)


def drawn(seed: int, size: int, lift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return x, y and both of the pre-period of some units."""
    rng = np.random.default_rng(seed)
    own = rng.lognormal(0, 0.5, size)
    tasks, past = rng.poisson(4, size) + 0.0, rng.poisson(4, size) + 0.0
    noise = rng.gamma(5, 0.2, (2, size))
    return (1 + lift) * own * tasks * noise[0], tasks, own * past * noise[1], past


def arm(seed: int, size: int, lift: float = 0.0) -> Sums:
    x, y, former, past = drawn(seed, size, lift)
    return one(x, y, (former, past))


def test_a_mean_without_covariate_is_the_t_test_of_welch():
    rng = np.random.default_rng(3)
    treated, control = rng.gamma(2, 3, 40), rng.gamma(2, 2, 25)
    read = compare(one(treated), one(control))
    test = stats.ttest_ind(treated, control, equal_var=False)
    ends = test.confidence_interval()
    np.testing.assert_allclose(
        [read.p_value[0], read.low[0], read.high[0], read.df[0]],
        [test.pvalue, ends.low, ends.high, test.df],
        rtol=1e-9,
    )
    assert read.variance_reduction[0] == 0


def test_a_ratio_is_linearised_and_then_adjusted_unit_by_unit():
    parts = [drawn(1, 60, 0.2), drawn(2, 45)]
    past = sum(u.sum() for _, _, u, _ in parts) / sum(v.sum() for _, _, _, v in parts)
    per_unit = sum(v.sum() for _, _, _, v in parts) / 105
    ratios, means, lines, covariates, sizes, equals = [], [], [], [], [], []
    for x, y, u, v in parts:
        ratios.append(x.sum() / y.sum())
        lines.append((x - ratios[-1] * y) / y.mean())
        z = (u - past * v) / per_unit
        means.append(z.mean())
        covariates.append(z - z.mean())
        sizes.append(len(x))
        equals.append(y.sum() ** 2 / (y**2).sum())
    div = [n**2 * (1 - 1 / k) for n, k in zip(sizes, equals, strict=True)]
    cross = sum((line * z).sum() / d for line, z, d in zip(lines, covariates, div, strict=True))
    theta = cross / sum((z**2).sum() / d for z, d in zip(covariates, div, strict=True))
    shares = [
        ((line - theta * z) ** 2).sum() / d
        for line, z, d in zip(lines, covariates, div, strict=True)
    ]
    difference = ratios[0] - ratios[1] - theta * (means[0] - means[1])
    df = sum(shares) ** 2 / sum(s**2 / (k - 1) for s, k in zip(shares, equals, strict=True))
    reach = stats.t.ppf(0.975, df) * np.sqrt(sum(shares))

    read = compare(*(one(x, y, (u, v)) for x, y, u, v in parts))
    np.testing.assert_allclose(read.difference[0], difference, rtol=1e-10)
    np.testing.assert_allclose(
        [read.low[0], read.high[0]], [difference - reach, difference + reach], rtol=1e-9
    )
    assert 0.05 < read.variance_reduction[0] < 1

    # what each unit moves of both levels: either leans on the covariate of both arms
    weights = np.array([sizes[1], -sizes[0]]) / sum(sizes)
    moves = [
        np.outer(line, np.eye(2)[side]) - theta * np.outer(z, sign * weights)
        for side, (line, z, sign) in enumerate(zip(lines, covariates, (1, -1), strict=True))
    ]
    covariance = sum(move.T @ move / d for move, d in zip(moves, div, strict=True))
    rho = np.linspace(0.5, 2.5, 400_001)
    levels = [ratio - theta * mean for ratio, mean in zip(ratios, means, strict=True)]
    variance = covariance[0, 0] - 2 * rho * covariance[0, 1] + rho**2 * covariance[1, 1]
    inside = rho[(levels[0] - rho * levels[1]) ** 2 <= stats.t.ppf(0.975, df) ** 2 * variance]
    np.testing.assert_allclose(
        [read.lift_low[0], read.lift_high[0]], [inside[0] - 1, inside[-1] - 1], atol=1e-5
    )


def test_fieller_holds_the_lifts_that_the_data_do_not_reject():
    # without a covariate the levels are independent, and the set can be searched directly
    parts = [drawn(1, 60, 0.2)[:2], drawn(2, 45)[:2]]
    read = compare(*(one(x, y) for x, y in parts))
    levels, variances = [], []
    for x, y in parts:
        level, k = x.sum() / y.sum(), y.sum() ** 2 / (y**2).sum()
        levels.append(level)
        variances.append(((x - level * y) ** 2).sum() / y.sum() ** 2 / (1 - 1 / k))
    rho = np.linspace(0.2, 5, 400_001)
    apart = (levels[0] - rho * levels[1]) ** 2 / (variances[0] + rho**2 * variances[1])
    inside = rho[apart <= stats.t.ppf(0.975, read.df[0]) ** 2]
    np.testing.assert_allclose(
        [read.lift_low[0], read.lift_high[0]], [inside[0] - 1, inside[-1] - 1], atol=2e-5
    )


def test_the_covariate_narrows_the_lift_as_it_does_the_difference():
    bare = compare(one(*drawn(1, 400, 0.2)[:2]), one(*drawn(2, 400)[:2]))
    read = compare(arm(1, 400, 0.2), arm(2, 400))
    by_difference = (read.high - read.low) / (bare.high - bare.low)
    by_lift = (read.lift_high - read.lift_low) / (bare.lift_high - bare.lift_low)
    assert by_difference[0] < 0.95
    np.testing.assert_allclose(by_lift, by_difference, rtol=0.1)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), money=st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_unit_of_money_changes_no_conclusion(seed, money):
    parts = [drawn(seed, 30, 0.1), drawn(seed + 1, 30)]
    read, scaled = (
        compare(*(one(m * x, y, (m * u, v)) for x, y, u, v in parts)) for m in (1.0, money)
    )
    np.testing.assert_allclose(scaled.low, money * read.low, rtol=1e-6)
    np.testing.assert_allclose(
        [scaled.p_value, scaled.lift_low], [read.p_value, read.lift_low], rtol=1e-6
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_changing_the_arms_over_turns_the_sign(seed):
    a, b = arm(seed, 30), arm(seed + 1, 50)
    there, back = compare(a, b), compare(b, a)
    np.testing.assert_allclose(there.difference, -back.difference, rtol=1e-9)
    np.testing.assert_allclose([there.low, there.high], [-back.high, -back.low], rtol=1e-9)


def test_a_row_does_not_depend_on_the_others():
    pairs = [(arm(seed, 20 + seed), arm(seed + 50, 30)) for seed in range(5)]
    together = compare(
        *(Sums(*map(np.concatenate, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
    )
    for number, pair in enumerate(pairs):
        for mine, theirs in zip(compare(*pair), together, strict=True):
            assert mine.tobytes() == theirs[number : number + 1].tobytes()


def test_units_are_counted_once_however_often_they_come():
    rng = np.random.default_rng(5)
    own = rng.normal(10, 2, (2, 30))
    tasks = np.repeat(own, 20, axis=1) + rng.normal(0, 0.1, (2, 600))
    by_unit = tasks.reshape(2, 30, 20).sum(axis=2)
    clustered = compare(one(by_unit[0], [20.0] * 30), one(by_unit[1], [20.0] * 30))
    naive = compare(one(tasks[0]), one(tasks[1]))
    np.testing.assert_allclose(clustered.difference, naive.difference, rtol=1e-9)
    assert 4 < clustered.standard_error[0] / naive.standard_error[0] < 5


def test_a_covariate_of_units_that_were_not_there_adjusts_nothing():
    x, y, *_ = drawn(1, 30)
    nobody = (np.zeros(30), np.zeros(30))
    bare, blank = (compare(one(x, y, past), one(2 * x, y, past)) for past in (None, nobody))
    for left, right in zip(bare, blank, strict=True):
        assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize(
    ("treated", "control"),
    [
        pytest.param(one([]), one([1.0, 2.0]), id="no unit"),
        pytest.param(one([1.0]), one([1.0, 2.0]), id="one unit"),
        pytest.param(one([1.0, 2.0], [0.0, 0.0]), one([1.0, 2.0]), id="no denominator"),
        pytest.param(one([1.0, 2.0], [3.0, 0.0]), one([1.0, 2.0]), id="one unit is all of it"),
        pytest.param(one([0.1] * 9), one([0.1] * 7), id="no variance"),
        pytest.param(one([np.nan, 1.0]), one([1.0, 2.0]), id="a missing value"),
    ],
)
def test_where_nothing_can_be_compared_there_is_no_interval(treated, control):
    read = compare(treated, control)
    assert np.isnan([read.low[0], read.high[0], read.p_value[0], read.lift_low[0]]).all()


def test_a_control_that_may_be_0_has_a_difference_and_no_lift_interval():
    read = compare(one([5.0, 6.0, 7.0, 5.0]), one([-3.0, 4.0, -2.0, 2.0]))
    assert np.isfinite(read.low[0])
    assert np.isnan([read.lift_low[0], read.lift_high[0]]).all()


def test_no_rows():
    empty = Sums(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 4)))
    assert all(column.size == 0 for column in compare(empty, empty))


def test_the_sample_ratio_is_the_chi_square_test():
    found = sample_ratio([[480, 520, 510]], [[1.0, 1.0, 1.0]])
    test = stats.chisquare([480, 520, 510])
    np.testing.assert_allclose(
        [found.statistic[0], found.p_value[0]], [test.statistic, test.pvalue], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("units", "expected", "p_value", "is_mismatch"),
    [
        pytest.param([100, 900, 0], [0.1, 0.9, 0.0], 1.0, False, id="as intended"),
        pytest.param([100, 900, 1], [0.1, 0.9, 0.0], 0.0, True, id="an arm that should not be"),
        pytest.param([0, 0], [0.5, 0.5], np.nan, False, id="nobody yet"),
        pytest.param([7, 0], [1.0, 0.0], np.nan, False, id="one arm only"),
        pytest.param([5, 5], [np.nan, 0.5], np.nan, False, id="no propensity"),
    ],
)
def test_sample_ratio(units, expected, p_value, is_mismatch):
    found = sample_ratio([units], [expected])
    np.testing.assert_allclose(found.p_value, [p_value])
    assert found.is_mismatch.tolist() == [is_mismatch]
