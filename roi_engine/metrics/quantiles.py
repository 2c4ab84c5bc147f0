"""Quantiles from histograms that can be added up; percentiles themselves are never averaged.

Buckets grow by a constant factor, so every value is known to half a percent whatever its size.
Merging two histograms is adding the counts of equal buckets, or just putting their rows together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.roi import Floats

RELATIVE_ERROR = 0.005
"""How far a quantile may be from the value that it stands for, relative to it."""

ZERO_BUCKET = -(2**31)
"""The bucket of everything that is not above 0; it reads as 0 and sorts before all others."""

# log(1 + e) − log(1 − e), which does not lose the digits that log(γ) would
_LOG_GAMMA = float(np.log1p(RELATIVE_ERROR) - np.log1p(-RELATIVE_ERROR))
# 2/(γ + 1): from a bucket's upper edge to the value equally far from both edges
_CENTRE = 1 - RELATIVE_ERROR


class Quantiles(NamedTuple):
    """Quantiles by group: ``values`` has shape (groups, quantiles asked for)."""

    group_ids: NDArray[np.int64]
    values: Floats


def bucket_of(values: ArrayLike) -> NDArray[np.int64]:
    """Return the bucket of each value.

        i = ⌈log(x) / log(γ)⌉, γ = (1 + a)/(1 − a), a = 0.005; x ≤ 0 has a bucket of its own

    Args:
        values: Durations or sizes, finite.

    Returns:
        Whole numbers; ``ZERO_BUCKET`` for what is not above 0.

    Raises:
        ValueError: A value is NaN or infinite: missing values have no bucket.

    Source: metrics.md §6, mergeable sketches; Masson, Rim and Lee 2019 (DDSketch).

    Examples:
        >>> bucket_of([1.0, 2.0, 1000.0, 0.0]).tolist()
        [0, 70, 691, -2147483648]
    """
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError("a missing or infinite value has no bucket")
    positive = x > 0
    index = np.ceil(np.log(np.where(positive, x, 1.0)) / _LOG_GAMMA)
    return np.where(positive, index, ZERO_BUCKET).astype(np.int64)


def bucket_value(indices: ArrayLike) -> Floats:
    """Return the value that stands for a bucket, within 0.5 % of all that fall into it.

        2·γ^i / (γ + 1) = (1 − a)·γ^i

    Args:
        indices: What ``bucket_of`` returned.

    Returns:
        The value; 0 for ``ZERO_BUCKET``.

    Source: Masson, Rim and Lee 2019.

    Examples:
        >>> bucket_value(bucket_of([1000.0, -3.0])).round(1)
        array([997.3,   0. ])
    """
    index = np.asarray(indices, dtype=np.int64)
    zero = index == ZERO_BUCKET
    return np.where(zero, 0.0, _CENTRE * np.exp(np.where(zero, 0, index) * _LOG_GAMMA))


def quantile(
    indices: ArrayLike, counts: ArrayLike, group_ids: ArrayLike, q: ArrayLike
) -> Quantiles:
    """Return quantiles of each group from its buckets.

        the smallest value that at least ⌈q·n⌉ of the group's n values do not exceed

    That is SQL's ``percentile_disc``, so a mart can be checked against its facts.

    Args:
        indices: Buckets, shape (rows,), ascending within a group; one may appear more than once.
        counts: Values in each, whole numbers >= 0.
        group_ids: Whole numbers, ascending.
        q: Quantiles asked for, in [0, 1].

    Returns:
        The distinct groups, and their quantiles within 0.5 %; NaN for a group of no value.

    Raises:
        ValueError: The rows are not sorted, a count is negative, or a q is outside [0, 1].

    Source: metrics.md §6, percentiles; Masson, Rim and Lee 2019.

    Examples:
        >>> minutes = [3.0, 5.0, 8.0, 40.0]
        >>> found = quantile(bucket_of(minutes), [1, 1, 1, 1], [7, 7, 7, 7], [0.5, 0.95])
        >>> found.group_ids, found.values.round(1)
        (array([7]), array([[ 5. , 39.8]]))
    """
    index = np.asarray(indices, dtype=np.int64)
    count = np.asarray(counts, dtype=np.int64)
    group = np.asarray(group_ids, dtype=np.int64)
    asked = np.atleast_1d(np.asarray(q, dtype=np.float64))
    if not ((asked >= 0) & (asked <= 1)).all():
        raise ValueError("a quantile lies between 0 and 1")
    if (count < 0).any():
        raise ValueError("a count must not be negative")
    next_group = group[1:] > group[:-1]
    if not (next_group | ((group[1:] == group[:-1]) & (index[1:] >= index[:-1]))).all():
        raise ValueError("rows must be sorted by group and bucket")
    if group.size == 0:
        return Quantiles(group, np.zeros((0, asked.size)))

    first = np.flatnonzero(np.concatenate([[True], next_group]))
    reached = np.cumsum(count)
    before = reached[first] - count[first]
    size = np.append(before[1:], reached[-1]) - before
    # 0.07 · 100 is a hair over 7 as a double, and must not be rank 8
    exact = asked * size[:, None] * (1 - 4 * np.finfo(np.float64).eps)
    rank = np.maximum(np.ceil(exact), 1).astype(np.int64)
    place = np.searchsorted(reached, before[:, None] + rank)
    values = bucket_value(index[np.minimum(place, index.size - 1)])
    return Quantiles(group[first], np.where(size[:, None] > 0, values, np.nan))
