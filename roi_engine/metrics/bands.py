"""Bands of autonomy: which part of the budget led to goals reached without a person."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.rounding import widen

BANDS = ("reactive", "assisted", "transitional", "self_directed", "insufficient_data")
"""All bands, lowest first; the last one says that there is too little to tell."""

LEVELS = {"reactive": 1, "assisted": 2, "transitional": 2, "self_directed": 3}


def bands(
    autonomous_spend: ArrayLike,
    spend: ArrayLike,
    ended_tasks: ArrayLike,
    min_group_size: int = 30,
) -> NDArray[Any]:
    """Name the band of each row, decided on exact money and not on a rounded double.

        asr_spend < 0.2 reactive · 0.2 to < 0.5 assisted · 0.5 to 0.6 transitional · > 0.6
        self_directed · fewer than min_group_size ended tasks, or no share: insufficient_data

    Args:
        autonomous_spend: Nano-units spent in cells of class autonomous_success.
        spend: Nano-units of the whole, credits left out.
        ended_tasks: Tasks that ended in the window.
        min_group_size: Fewer ended tasks than this decide nothing.

    Returns:
        One name of ``BANDS`` a row. A share outside [0, 1] or with a denominator ≤ 0 is none.

    Source: metrics.md §5.

    Examples:
        >>> bands([199, 200, 500, 600, 601], [1000] * 5, [30] * 5).tolist()
        ['reactive', 'assisted', 'transitional', 'transitional', 'self_directed']
        >>> bands([700, 700, -1], [1000, 0, 1000], [29, 30, 30]).tolist()
        ['insufficient_data', 'insufficient_data', 'insufficient_data']
    """
    part, whole = widen(autonomous_spend), widen(spend)
    told = (whole > 0) & (part >= 0) & (part <= whole)
    told &= np.asarray(ended_tasks) >= min_group_size
    return np.select(
        [
            ~told.astype(bool),
            (5 * part < whole).astype(bool),
            (2 * part < whole).astype(bool),
            (5 * part <= 3 * whole).astype(bool),
        ],
        ["insufficient_data", "reactive", "assisted", "transitional"],
        default="self_directed",
    )
