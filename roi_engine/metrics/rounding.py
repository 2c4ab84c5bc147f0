"""Rounding of exact integers: half away from zero, everywhere."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers: TypeAlias = NDArray[Any]
"""An array of int64, or of Python integers (dtype object) where int64 is too narrow."""

INT64_MAX = 2**63 - 1


def widen(values: ArrayLike) -> Integers:
    """Return the values as Python integers, which cannot overflow.

    Args:
        values: Whole numbers of any integer type.

    Returns:
        An array of dtype object.

    Raises:
        TypeError: A value is not a whole number; money never enters as a float.

    Examples:
        >>> widen([2**62]) * 4
        array([18446744073709551616], dtype=object)
        >>> widen([0.5])
        Traceback (most recent call last):
        TypeError: exact arithmetic takes integers, not float64
    """
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(object)
    if array.dtype == object:
        if all(isinstance(value, int) for value in array.ravel()):
            return array
    elif np.issubdtype(array.dtype, np.integer):
        return array.astype(object)
    raise TypeError(f"exact arithmetic takes integers, not {array.dtype}")


def half_away(numerator: ArrayLike, denominator: ArrayLike) -> Integers:
    """Divide whole numbers and round half away from zero.

        sign(n) · ⌊(2·|n| + d) / 2d⌋

    Args:
        numerator: Whole numbers, any size, any sign.
        denominator: Whole numbers > 0, broadcast against the numerator.

    Returns:
        Python integers (dtype object), in the unit of numerator / denominator.

    Raises:
        ValueError: A denominator is not positive.

    Source: metrics.md §0, "Rounding is half away from zero everywhere".

    Examples:
        >>> half_away([25, -25, 24, -24], 10)
        array([3, -3, 2, -2], dtype=object)
    """
    above, below = widen(numerator), widen(denominator)
    if np.any(below <= 0):
        raise ValueError("a denominator must be positive")
    sign = np.where(above < 0, -1, 1).astype(object)
    return np.asarray(sign * ((2 * abs(above) + below) // (2 * below)), dtype=object)
