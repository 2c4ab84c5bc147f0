"""Sharing by largest remainder loses nothing and favours nobody."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from roi_engine.simulate.remainder import largest_remainder, to_nano

weights = st.dictionaries(st.text(min_size=1), st.integers(0, 10**15), min_size=1).filter(
    lambda drawn: sum(drawn.values()) > 0
)


@pytest.mark.parametrize(
    ("amount", "given_weights", "expected"),
    [
        pytest.param(10, {"a": 1, "b": 1, "c": 1}, {"a": 4, "b": 3, "c": 3}, id="ties by key"),
        pytest.param(10, {"c": 1, "b": 1, "a": 1}, {"a": 4, "b": 3, "c": 3}, id="in any order"),
        pytest.param(
            -(10**9), {"x": 2, "y": 1}, {"x": -666666667, "y": -333333333}, id="a negative amount"
        ),
        pytest.param(7, {"a": 0, "b": 5}, {"b": 7}, id="a weight of 0 gets nothing"),
        pytest.param(1, {"é": 1, "z": 1}, {"é": 0, "z": 1}, id="keys compare as UTF-8 bytes"),
    ],
)
def test_shares(amount, given_weights, expected):
    assert largest_remainder(amount, given_weights) == expected


@pytest.mark.parametrize("bad", [{}, {"a": 0}, {"a": 2, "b": -1}])
def test_nobody_to_share_with_is_an_error(bad):
    with pytest.raises(ValueError, match="weights"):
        largest_remainder(5, bad)


@given(amount=st.integers(-(10**24), 10**24), drawn=weights)
def test_nothing_is_lost_and_no_share_is_off_by_a_unit(amount, drawn):
    shares = largest_remainder(amount, drawn)
    assert sum(shares.values()) == amount
    total = sum(drawn.values())
    for key, share in shares.items():
        assert abs(share - Fraction(amount * drawn[key], total)) < 1


@given(amount=st.integers(-(10**30), 10**30))
def test_nano_units_round_half_away_from_zero(amount):
    nano = to_nano(amount, 10**15)
    assert to_nano(-amount, 10**15) == -nano
    assert abs(nano * 10**6 - amount) <= 5 * 10**5
    if abs(amount) % 10**6 == 5 * 10**5:
        assert abs(nano) * 10**6 > abs(amount)
