"""Allocation: a sum of money is shared out, to the last unit, and none of it is lost."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.rounding import INT64_MAX, widen


class Allocation(NamedTuple):
    """Shares of the members, and what a group could give to nobody; both in the amount's unit."""

    shares: NDArray[np.int64]
    unallocated: NDArray[np.int64]


def largest_remainder(
    amounts: ArrayLike, groups: ArrayLike, weights: ArrayLike, keys: ArrayLike
) -> Allocation:
    """Share each group's amount among its members by whole weights (Hamilton's method).

        share = ⌊|amount| · w / W⌋, then one unit each by descending remainder,
        ties by ascending key; the amount's sign is put back at the end

    Nothing is lost: per group, shares + unallocated = amount, exactly. Where W, the sum of the
    group's weights, is 0 (or the group has no member) the whole amount stays unallocated.

    Args:
        amounts: One whole number a group (nano-units), any sign, within int64.
        groups: Index into ``amounts``, one a member.
        weights: One whole number >= 0 a member (nano-units, tokens, microseconds); a group's
            sum must stay within int64.
        keys: What decides between equal remainders, one a member and unique in its group.
            Text is compared by code point, which is the order of its UTF-8 bytes.

    Returns:
        The members' shares in the order given, and each group's unallocated rest.

    Raises:
        ValueError: A weight is negative, or the arrays do not fit together.
        OverflowError: An amount or a group's weights do not fit into int64.

    Source: metrics.md §2, conservation law.

    Examples:
        >>> largest_remainder([10], [0, 0, 0], [1, 1, 1], ["a", "b", "c"]).shares
        array([4, 3, 3])
        >>> largest_remainder([-1_000_000_000], [0, 0], [2, 1], ["a", "b"]).shares
        array([-666666667, -333333333])
        >>> largest_remainder([7], [0], [0], ["a"])
        Allocation(shares=array([0]), unallocated=array([7]))
    """
    amount, weight = widen(amounts), widen(weights)
    group = np.asarray(groups, dtype=np.int64).reshape(-1)
    key = np.asarray(keys).reshape(-1)
    if not group.size == weight.size == key.size:
        raise ValueError("each member needs one group, one weight and one key")
    if group.size and (group.min() < 0 or group.max() >= amount.size):
        raise ValueError("a member names a group that has no amount")
    if np.any(weight < 0):
        raise ValueError("a weight is negative")
    if np.any(abs(amount) > INT64_MAX):
        raise OverflowError("an amount is too large for int64 nano-units")

    total = np.zeros(amount.size, dtype=object)
    np.add.at(total, group, weight)
    if np.any(total > INT64_MAX):
        raise OverflowError("the weights of a group are too large for int64")

    served = total > 0
    magnitude = np.where(served, abs(amount), 0)
    divisor = np.where(served, total, 1)[group]
    product = magnitude[group] * weight
    floor = (product // divisor).astype(np.int64)
    remainder = (product % divisor).astype(np.int64)

    spare = magnitude.astype(np.int64)
    np.subtract.at(spare, group, floor)
    rank_of_key = np.unique(key, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((rank_of_key, -remainder, group))
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, sorted_group, side="left")
    place = np.arange(group.size, dtype=np.int64) - first
    floor[order] += place < spare[sorted_group]

    sign = np.where(amount < 0, -1, 1).astype(np.int64)
    shares = floor * sign[group]
    unallocated = np.where(served, 0, amount).astype(np.int64)
    return Allocation(shares, unallocated)
