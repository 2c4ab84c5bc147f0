"""Ratios, bands, wins, value: the smaller kernels."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from roi_engine.metrics.bands import BANDS, LEVELS, band_levels, bands
from roi_engine.metrics.break_even import break_even_success_rate
from roi_engine.metrics.roi import ratio, return_on_cost
from roi_engine.metrics.value import ATTO, human_equivalent_cost, labour_value, speed_value
from roi_engine.metrics.wallet import is_over_slope
from roi_engine.metrics.win_rate import wilson

number = st.floats(-1e12, 1e12)


@given(above=number, below=number)
def test_a_ratio_is_finite_or_missing(above, below):
    found = ratio([above], [below])[0]
    assert np.isnan(found) if below <= 0 else not np.isinf(found)


def test_a_missing_part_makes_the_return_missing():
    assert np.isnan(return_on_cost([np.nan], [1.0]))


@given(part=st.integers(0, 10**20), rest=st.integers(0, 10**20))
def test_bands_are_decided_on_exact_money(part, rest):
    whole = part + rest
    (band,) = bands([part], [whole], [30])
    if whole == 0:
        assert band == "insufficient_data"
        return
    share = Fraction(part, whole)
    expected = (
        "reactive"
        if share < Fraction(1, 5)
        else "assisted"
        if share < Fraction(1, 2)
        else "transitional"
        if share <= Fraction(3, 5)
        else "self_directed"
    )
    assert band == expected
    assert band in BANDS


@given(part=st.integers(-1, 10**20), rest=st.integers(0, 10**20), tasks=st.sampled_from([29, 30]))
def test_five_levels_part_bands_and_mix_none(part, rest, tasks):
    money = [part], [part + rest]
    (band,) = names = bands(*money, [tasks])
    (three,), (five,) = band_levels(names, *money), band_levels(names, *money, "five")
    assert three == LEVELS["three"].get(band, 0)
    assert (five == 0) == (three == 0)
    if five == 5:
        assert band == "self_directed"
        assert Fraction(part, part + rest) > Fraction(4, 5)
    else:
        assert five == LEVELS["five"].get(band, 0)
        assert five < 4 or Fraction(part, part + rest) <= Fraction(4, 5)


def test_one_nano_unit_decides_the_fifth_level():
    money = [8 * 10**18, 8 * 10**18 + 1], [10**19] * 2
    names = bands(*money, [30] * 2)
    assert band_levels(names, *money).tolist() == [3, 3]
    assert band_levels(names, *money, "five").tolist() == [4, 5]


def test_one_nano_unit_decides_a_band_where_doubles_are_equal():
    whole = 10**19
    edge = 6 * 10**18
    assert (edge / whole) == ((edge + 1) / whole)
    assert bands([edge, edge + 1], [whole] * 2, [30] * 2).tolist() == [
        "transitional",
        "self_directed",
    ]


@given(n=st.integers(1, 10**6), data=st.data())
def test_wilson_holds_its_share(n, data):
    k = data.draw(st.integers(0, n))
    share, low, high = wilson([k], [n])
    assert 0 <= low[0] <= share[0] <= high[0] <= 1


def test_no_trial_no_share():
    assert np.isnan(wilson([0], [0])).all()


def test_a_dear_agent_never_breaks_even():
    assert break_even_success_rate([120.0], [100.0], [0.0])[0] == 1.2
    assert np.isnan(break_even_success_rate([1.0], [0.0], [0.0])[0])


def test_the_slope_is_compared_in_whole_numbers():
    assert not is_over_slope([1000], [3_600_000_000], [1000])[0]
    assert is_over_slope([1001], [3_600_000_000], [1000])[0]


@given(
    minutes=st.integers(0, 10**22),
    hourly=st.integers(0, 10**21),
    inference=st.integers(0, 10**12),
)
def test_values_are_the_exact_products_rounded_once(minutes, hourly, inference):
    person = Fraction(minutes, 60) * Fraction(hourly, ATTO)
    saved = person - Fraction(inference * hourly, 3600 * 10**6)
    assert abs(human_equivalent_cost([minutes], [hourly])[0] - person) <= Fraction(1, 2)
    assert abs(labour_value([minutes], [inference], [hourly])[0] - saved) <= Fraction(1, 2)


def test_a_late_success_loses_speed_value():
    assert speed_value([0], [3_600_000_000], [4 * ATTO])[0] == -4 * ATTO


def test_money_as_a_float_is_refused():
    with pytest.raises(TypeError, match="exact"):
        human_equivalent_cost([0.5], [50 * ATTO])
