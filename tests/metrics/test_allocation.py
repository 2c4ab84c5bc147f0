"""Money that is shared out is neither lost nor made."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from roi_engine.metrics.allocation import largest_remainder

amount = st.integers(-(10**15), 10**15)
member = st.tuples(st.integers(0, 4), st.integers(0, 10**12))


def shared(amounts, members):
    groups = [group for group, _ in members]
    weights = [weight for _, weight in members]
    return largest_remainder(amounts, groups, weights, np.arange(len(members)))


@given(amounts=st.lists(amount, min_size=5, max_size=5), members=st.lists(member, max_size=30))
def test_nothing_is_lost(amounts, members):
    shares, rest = shared(amounts, members)
    for group, whole in enumerate(amounts):
        mine = sum(int(s) for s, (g, _) in zip(shares, members, strict=True) if g == group)
        assert mine + int(rest[group]) == whole


@given(amounts=st.lists(amount, min_size=5, max_size=5), members=st.lists(member, max_size=30))
def test_each_share_is_within_a_unit_of_its_quota(amounts, members):
    shares, _ = shared(amounts, members)
    for share, (group, weight) in zip(shares, members, strict=True):
        total = sum(w for g, w in members if g == group)
        quota = Fraction(amounts[group] * weight, total) if total else Fraction(0)
        assert abs(int(share) - quota) < 1


@given(
    whole=amount,
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_the_order_of_members_does_not_matter(whole, weights, seed):
    size = len(weights)
    keys = np.array([f"key-{n:02}" for n in range(size)])
    order = np.random.default_rng(seed).permutation(size)
    straight = largest_remainder([whole], [0] * size, weights, keys).shares
    mixed = largest_remainder([whole], [0] * size, np.array(weights)[order], keys[order]).shares
    assert straight[order].tolist() == mixed.tolist()


@given(whole=amount, weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_a_refund_mirrors_its_charge(whole, weights):
    groups, keys = [0] * len(weights), np.arange(len(weights))
    there = largest_remainder([whole], groups, weights, keys).shares
    back = largest_remainder([-whole], groups, weights, keys).shares
    assert (there + back).tolist() == [0] * len(weights)


def test_products_beyond_64_bits_stay_exact():
    shares, _ = largest_remainder([2**62], [0, 0], [2**61, 2**61 - 1], ["a", "b"])
    assert shares.tolist() == [2**61 + 1, 2**61 - 1]


@pytest.mark.parametrize(
    ("weights", "unallocated"),
    [pytest.param([0, 0], [-7], id="zero weights"), pytest.param([], [-7], id="no member")],
)
def test_what_has_no_weight_stays_unallocated(weights, unallocated):
    shares, rest = largest_remainder([-7], [0] * len(weights), weights, np.arange(len(weights)))
    assert shares.sum() == 0
    assert rest.tolist() == unallocated


def test_text_keys_are_compared_like_their_bytes():
    keys = ["é", "z", "\U0001f600", "Z"]
    spare = largest_remainder([1], [0] * 4, [1] * 4, keys).shares
    assert keys[int(spare.argmax())] == min(keys, key=str.encode)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(([1], [0], [-1], ["a"]), ValueError, id="negative weight"),
        pytest.param(([1], [1], [1], ["a"]), ValueError, id="group without an amount"),
        pytest.param(([1], [0, 0], [1], ["a"]), ValueError, id="lengths differ"),
        pytest.param(([2**63], [0], [1], ["a"]), OverflowError, id="amount too large"),
        pytest.param(([1], [0, 0], [2**62] * 2, ["a", "b"]), OverflowError, id="weights too large"),
        pytest.param(([1.5], [0], [1], ["a"]), TypeError, id="money as a float"),
    ],
)
def test_wrong_input_is_refused(arguments, error):
    with pytest.raises(error):
        largest_remainder(*arguments)
