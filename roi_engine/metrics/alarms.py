"""When a figure asks for a person: thresholds on exact money and on counts."""

from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.rounding import widen

Flags = NDArray[np.bool_]


def over_human(
    cost: ArrayLike,
    human_cost: ArrayLike,
    successes: ArrayLike,
    *,
    threshold: float = 1.0,
    min_group_size: int = 30,
) -> Flags:
    """Say where inference costs more than people would have for the same successes.

        cost / human_cost > threshold, and successes ≥ min_group_size

    Args:
        cost: Inference cost (tokens and GPUs), failures included.
        human_cost: What people would have cost for the successes; the same unit.
        successes: Successes behind it; fewer than min_group_size decide nothing.
        threshold: The ratio from which on it is too dear.
        min_group_size: See ``successes``.

    Returns:
        One flag a row; false where people's cost is not positive.

    Source: metrics.md §3, cost_ratio.

    Examples:
        >>> over_human([11.0, 11.0, 9.0], [10.0, 10.0, 10.0], [30, 29, 30]).tolist()
        [True, False, False]
    """
    paid = np.asarray(cost, dtype=np.float64)
    human = np.asarray(human_cost, dtype=np.float64)
    enough = np.asarray(successes) >= min_group_size
    return enough & (human > 0) & (paid > threshold * human)


def uncovered(unpriced: ArrayLike, calls: ArrayLike, *, threshold: float = 0.01) -> Flags:
    """Say where too many calls have no price, so that their cost is missing.

        unpriced / calls > threshold

    Args:
        unpriced: Model calls without a price.
        calls: All model calls.
        threshold: The share that is tolerated.

    Returns:
        One flag a row; false without calls.

    Source: metrics.md §9 (coverage of prices).

    Examples:
        >>> uncovered([2, 1, 0], [100, 100, 0]).tolist()
        [True, False, False]
    """
    missing = np.asarray(unpriced, dtype=np.float64)
    return missing > threshold * np.asarray(calls, dtype=np.float64)


def outside_tolerance(
    unexplained: ArrayLike, whole: ArrayLike, *, share: Decimal, amount: Decimal
) -> Flags:
    """Say where a difference is larger than what is tolerated, decided on exact money.

        |unexplained| > max(share · |whole|, amount)

    Args:
        unexplained: Nano-units that no rule explains, of either sign.
        whole: Nano-units that it is a part of.
        share: Tolerated share of the whole.
        amount: Tolerated amount of the currency, in plain units.

    Returns:
        One flag a row.

    Source: metrics.md §9 (one unexplained row with a tolerance that alerts).

    Examples:
        >>> limits = {"share": Decimal("0.01"), "amount": Decimal("0.01")}
        >>> outside_tolerance([10**7, 10**7 + 1, 10**8], [0, 0, 10**10], **limits).tolist()
        [False, True, False]
    """
    off, of = np.abs(widen(unexplained)), np.abs(widen(whole))
    top, bottom = share.as_integer_ratio()
    nano = int(amount * 10**9)
    return ((off * bottom > of * top) & (off > nano)).astype(bool)
