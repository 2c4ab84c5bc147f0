"""Ratios of sums: what a unit of money brought. Never a mean of ratios."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Divide where the denominator is positive; elsewhere the ratio is not defined.

    Args:
        numerator: Sums, already exact, as doubles.
        denominator: Sums in the same rows.

    Returns:
        The ratio; NaN (NULL in a mart) where the denominator is 0, negative or missing.

    Source: metrics.md §0 and §5, "a denominator ≤ 0 → NULL".

    Examples:
        >>> ratio([591.6, 1.0, 1.0], [400.0, 0.0, -2.0])
        array([1.479,   nan,   nan])
    """
    above = np.asarray(numerator, dtype=np.float64)
    below = np.asarray(denominator, dtype=np.float64)
    above, below = np.broadcast_arrays(above, below)
    defined = below > 0
    # an estimated denominator can be so close to 0 that the ratio leaves the range of a double
    with np.errstate(over="ignore"):
        quotient = above / np.where(defined, below, 1.0)
    return np.where(defined & np.isfinite(quotient), quotient, np.nan)


def return_on_cost(value: ArrayLike, cost: ArrayLike) -> Floats:
    """Return the net value of a unit of cost.

        roi = (value − cost) / cost

    Args:
        value: Gross value, money.
        cost: Total cost, money.

    Returns:
        A dimensionless ratio; NaN where cost ≤ 0.

    Source: metrics.md §3 (roi, roi_cash), §4 (adjusted_roi), §5 (autonomous_roi).

    Examples:
        >>> return_on_cost([991.666666667], [400.0]).round(6)
        array([1.479167])
    """
    above = np.asarray(value, dtype=np.float64)
    below = np.asarray(cost, dtype=np.float64)
    return ratio(above - below, below)
