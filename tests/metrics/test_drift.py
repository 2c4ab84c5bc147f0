"""Drift: PSI, KS, mix against rate, and the advice, row by row of its table."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from roi_engine.metrics.drift import (
    Stability,
    Window,
    advise,
    decompose,
    kolmogorov_smirnov,
    population_stability,
    rate_effect_error,
    rate_shift,
    stability_level,
)
from roi_engine.metrics.hallucination import Sample

counts = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=8)


def test_psi_worked_by_hand():
    # with ½ a bin: 20.5/101 and 80.5/101 against 50.5/101 twice
    p, q = np.array([50.5, 50.5]) / 101, np.array([20.5, 80.5]) / 101
    found = population_stability([[50, 50]], [[20, 80]])
    np.testing.assert_allclose(found.psi[0], ((q - p) * np.log(q / p)).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.noise[0], stats.chi2.ppf(0.95, 1) * 0.02, rtol=1e-12)


@settings(max_examples=50)
@given(pairs=counts)
def test_psi_is_symmetric_and_never_negative(pairs):
    before, after = np.array(pairs).T[:, None]
    there, back = population_stability(before, after), population_stability(after, before)
    if before.sum() and after.sum():
        assert there.psi[0] >= 0
        np.testing.assert_allclose(there.psi, back.psi, atol=1e-12)
    else:
        assert np.isnan(there.psi[0])


def test_bins_that_nobody_uses_change_nothing():
    bare = population_stability([[5, 9]], [[8, 4]])
    padded = population_stability([[5, 0, 9, 0]], [[8, 0, 4, 0]])
    np.testing.assert_array_equal(bare, padded)


def test_sampling_alone_exceeds_the_noise_level_one_time_in_twenty():
    rng = np.random.default_rng(1)
    shares = [0.3, 0.25, 0.2, 0.15, 0.1]
    drawn = rng.multinomial(400, shares, 4000), rng.multinomial(150, shares, 4000)
    found = population_stability(*drawn)
    assert 0.035 < (found.psi > found.noise).mean() < 0.065


def test_levels_at_their_thresholds():
    psi = np.array([0.0999, 0.1, 0.25, 0.2501, 0.4, np.nan])
    noise = np.array([0.0, 0.0, 0.0, 0.0, 0.5, np.nan])
    names = ["stable", "moderate", "moderate", "major", "stable", "unknown"]
    assert stability_level(Stability(psi, noise)).tolist() == names


def test_ks_on_bins_of_one_value_is_the_two_sample_test():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 40, 300), rng.integers(3, 42, 200)
    bins = [np.bincount(side, minlength=42)[None] for side in (a, b)]
    test = stats.ks_2samp(a, b, method="asymp")
    found = kolmogorov_smirnov(*bins)
    np.testing.assert_allclose(found.statistic[0], test.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.p_value[0], test.pvalue, rtol=0.1)


def test_ks_alarms_at_most_as_often_as_it_says():
    rng = np.random.default_rng(3)
    a, b = rng.multinomial(200, [0.02] * 50, 2000), rng.multinomial(100, [0.02] * 50, 2000)
    assert 0.02 < (kolmogorov_smirnov(a, b).p_value < 0.05).mean() < 0.055


def test_weights_count_by_their_effective_number():
    a, b = np.array([[50.0, 30, 20]]), np.array([[30.0, 30, 40]])
    heavy = kolmogorov_smirnov(10 * a, 10 * b, [100], [100])
    np.testing.assert_allclose(heavy, kolmogorov_smirnov(a, b), rtol=1e-12)


def test_ks_of_nothing():
    assert np.isnan(kolmogorov_smirnov([[0, 0]], [[1, 2]])).all()


def test_harder_work_is_mix_and_not_rate():
    # 90 % on easy, 50 % on hard, in both periods; only the mix turns from 5:1 to 1:2
    found = decompose([[90, 10]], [[100, 20]], [[45, 50]], [[50, 100]])
    np.testing.assert_allclose(found.change[0], 95 / 150 - 100 / 120)
    np.testing.assert_allclose(found.mix[0], found.change[0])
    assert found.rate[0] == found.interaction[0] == 0


segment = st.tuples(*[st.integers(-50, 50), st.integers(0, 50)] * 2)


@settings(max_examples=100)
@given(segments=st.lists(segment, min_size=1, max_size=6))
def test_the_parts_are_all_of_the_change(segments):
    # a segment that was not there has no numerator
    rows = [(x0 if y0 else 0, y0, x1 if y1 else 0, y1) for x0, y0, x1, y1 in segments]
    x0, y0, x1, y1 = (list(column) for column in zip(*rows, strict=True))
    found = decompose([x0], [y0], [x1], [y1])
    if not (sum(y0) and sum(y1)):
        assert np.isnan([found.change[0], found.mix[0], found.rate[0]]).all()
        return
    change = Fraction(sum(x1), sum(y1)) - Fraction(sum(x0), sum(y0))
    total = found.mix[0] + found.rate[0] + found.interaction[0]
    np.testing.assert_allclose([total, found.change[0]], float(change), atol=1e-11)


def test_what_comes_and_goes_is_mix():
    found = decompose([[8, 1, 0]], [[10, 10, 0]], [[8, 0, 9]], [[10, 0, 10]])
    np.testing.assert_allclose(found.mix, found.change)
    assert found.rate[0] == found.interaction[0] == 0


def test_the_p_value_is_students():
    x0, y0, x1, y1 = ([60, 20], [100, 50], [40, 30], [80, 90])
    found = decompose([x0], [y0], [x1], [y1], rate_error=[0.05], rate_df=[6.0])
    rate = (np.array([100, 50]) / 150 * (np.divide(x1, y1) - np.divide(x0, y0))).sum()
    assert found.rate_error[0] == 0.05
    np.testing.assert_allclose(found.rate_p_value[0], 2 * stats.t.sf(abs(rate) / 0.05, 6))
    assert np.isnan(decompose([x0], [y0], [x1], [y1]).rate_p_value[0])


def of_days(*rates: float, tasks: float = 10.0, variance: float = 0.5) -> Window:
    """Return a window of one segment whose rate is that of each week."""
    n = np.full((1, 1, 28), tasks)
    return Window(np.repeat(rates, 7) * n, n, np.array([[variance]]), n.sum(axis=(1, 2)))


def test_days_that_persist_count_as_weeks():
    error, df = rate_effect_error(of_days(0.9, 0.5, 0.7, 0.3), of_days(0.6, 0.6, 0.6, 0.6))
    # each week is a quarter of the tasks: (r − 0.6)/4, times 4/3 for its leverage
    weeks = (np.array([0.3, -0.1, 0.1, -0.3]) / 3) ** 2
    # the second window did not vary, so its tasks say how sure it is
    np.testing.assert_allclose(error, np.sqrt(weeks.sum() + 0.5))
    np.testing.assert_allclose(df, (weeks.sum() + 0.5) ** 2 / (weeks.sum() ** 2 / 3), rtol=1e-4)


def test_few_tasks_speak_for_themselves():
    window = of_days(0.9, 0.5, 0.7, 0.3, tasks=3, variance=0.002)
    error, df = rate_effect_error(window, window)
    np.testing.assert_allclose([error[0], df[0]], [np.sqrt(0.004), 2 * 83])


def test_a_bad_day_is_one_day_in_all_segments():
    rng = np.random.default_rng(1)
    x, n = rng.uniform(4, 6, (1, 1, 28)), np.full((1, 1, 28), 10.0)
    one = Window(x, n, np.zeros((1, 1)), np.array([280.0]))
    two = Window(*(np.repeat(part, 2, axis=1) for part in one[:3]), np.array([560.0]))
    np.testing.assert_allclose(rate_effect_error(one, one), rate_effect_error(two, two))


def test_nothing_in_common_is_no_error():
    empty = Window(np.zeros((1, 0, 28)), np.zeros((1, 0, 28)), np.zeros((1, 0)), np.array([0.0]))
    assert np.isnan(rate_effect_error(empty, empty)[0]).all()
    whole = of_days(1, 1, 1, 0)
    short = whole._replace(
        numerator=whole.numerator[..., :27], denominator=whole.denominator[..., :27]
    )
    with pytest.raises(ValueError, match="blocks of 7"):
        rate_effect_error(short, short)


CALM = {
    "is_input_drift": False, "rate_effect": 0.0, "rate_p_value": 0.9, "mix_effect": 0.0,
    "kpi_before": 0.8, "verified_asr_value": 1.5, "days_under_one": 0,
}  # fmt: skip
WORSE = {"rate_effect": -0.1, "rate_p_value": 0.001}
BETTER = {"rate_effect": 0.1, "rate_p_value": 0.001}
DRIFTED = {"is_input_drift": True}


def under(days: int) -> dict:
    return {"verified_asr_value": 0.7, "days_under_one": days}


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        pytest.param({}, "keep", id="nothing happened"),
        pytest.param(under(27), "keep", id="a loss shorter than a window decides nothing"),
        pytest.param(under(28), "replace", id="a window under water"),
        pytest.param(under(55) | WORSE | DRIFTED, "replace", id="too late to retrain"),
        pytest.param(under(56), "retire", id="two windows under water"),
        pytest.param(under(90) | BETTER, "re-baseline", id="under water and on its way up"),
        pytest.param(under(90) | {"verified_asr_value": 1.0}, "keep", id="worth its money again"),
        pytest.param(under(90) | {"verified_asr_value": np.nan}, "keep", id="worth not known"),
        pytest.param(WORSE | DRIFTED, "retrain", id="worse on other inputs"),
        pytest.param(WORSE, "replace", id="worse on the same inputs"),
        pytest.param(WORSE | {"rate_p_value": 0.2}, "keep", id="worse by chance"),
        pytest.param(WORSE | {"rate_effect": -0.01}, "keep", id="worse by nothing that matters"),
        pytest.param(WORSE | {"rate_p_value": np.nan}, "keep", id="no p-value"),
        pytest.param(BETTER, "re-baseline", id="better for good"),
        pytest.param(DRIFTED, "re-baseline", id="other inputs, done as well"),
        pytest.param({"mix_effect": -0.1}, "re-baseline", id="harder work"),
        pytest.param({"mix_effect": 0.01}, "keep", id="hardly other work"),
        pytest.param({"kpi_before": np.nan} | WORSE, "keep", id="no KPI before"),
    ],
)
def test_advice(change, advice):
    row = {name: [value] for name, value in (CALM | change).items()}
    assert advise(**row).tolist() == [advice]


def test_a_rate_that_moved_by_hand():
    # Wilson of 3/50 is [0.0206, 0.1622], of 15/50 [0.1910, 0.4375], of 8/50 [0.0834, 0.2852]
    shift = rate_shift(Sample([50.0, 50.0], [3.0, 3.0]), Sample([50.0, 50.0], [15.0, 8.0]))
    np.testing.assert_allclose(shift.estimate, [0.24, 0.1])
    np.testing.assert_allclose(shift.low, [0.0906, -0.0277], atol=1e-4)


reviews = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(earlier=reviews, later=reviews, tests=st.integers(1, 20))
def test_a_shift_has_no_direction_and_more_cells_ask_for_more(earlier, later, tests):
    before, after = (Sample([float(n)], [float(h)]) for n, h in (earlier, later))
    there, back = rate_shift(before, after, tests), rate_shift(after, before, tests)
    if not (earlier[0] and later[0]):
        assert np.isnan(there.low[0])
        return
    np.testing.assert_allclose([there.low, there.high], [-back.high, -back.low], atol=1e-12)
    alone = rate_shift(before, after)
    assert there.low[0] <= alone.low[0] + 1e-12
    assert alone.high[0] <= there.high[0] + 1e-12


@pytest.mark.parametrize(("cells", "rate"), [(1, 0.2), (8, 0.2), (3, 0.05)])
def test_a_steady_agent_is_flagged_at_most_one_time_in_twenty(cells, rate):
    rng = np.random.default_rng(5)
    n = np.full((4000, cells), 50.0)
    halves = [Sample(n, rng.binomial(50, rate, n.shape).astype(float)) for _ in range(2)]
    shift = rate_shift(*halves, cells)
    assert ((shift.low > 0) | (shift.high < 0)).any(axis=1).mean() < 0.06
