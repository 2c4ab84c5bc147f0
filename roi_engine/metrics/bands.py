"""Bands of autonomy: which part of the budget led to goals reached without a person."""

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roi_engine.metrics.rounding import widen

BANDS = ("reactive", "assisted", "transitional", "self_directed", "insufficient_data")
"""All bands, lowest first; the last one says that there is too little to tell."""

Scale: TypeAlias = Literal["three", "five"]
"""How many levels of maturity there are."""

LEVELS: dict[Scale, dict[str, int]] = {
    "three": {"reactive": 1, "assisted": 2, "transitional": 2, "self_directed": 3},
    "five": {"reactive": 1, "assisted": 2, "transitional": 3, "self_directed": 4},
}
"""Level of each band; of five the highest is that of ``self_directed`` over 0.8."""
TOP_LEVEL = 5


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


def band_levels(
    names: ArrayLike, autonomous_spend: ArrayLike, spend: ArrayLike, scale: Scale = "three"
) -> NDArray[np.int64]:
    """Return the level of maturity of each row's band, on exact money.

        three: reactive 1 · assisted, transitional 2 · self_directed 3
        five: reactive 1 · assisted 2 · transitional 3 · self_directed 4, over 0.8 of spend 5

    Args:
        names: From ``bands``, of the same amounts.
        autonomous_spend: Nano-units spent in cells of class autonomous_success.
        spend: Nano-units of the whole, credits left out.
        scale: How many levels there are.

    Returns:
        Levels; 0 where too little is known for a band.

    Source: metrics.md §5; docs/decisions/0018-the-band-between.md.

    Examples:
        >>> money = [199, 499, 600, 800, 801, 900], [1000] * 6
        >>> names = bands(*money, [30, 30, 30, 30, 30, 29])
        >>> band_levels(names, *money).tolist(), band_levels(names, *money, "five").tolist()
        ([1, 2, 2, 3, 3, 0], [1, 2, 3, 4, 5, 0])
    """
    band = np.asarray(names)
    levels = LEVELS[scale]
    found = np.select([band == name for name in levels], list(levels.values()), default=0)
    if scale == "five":
        over = (5 * widen(autonomous_spend) > 4 * widen(spend)).astype(bool)
        found = np.where((band == "self_directed") & over, TOP_LEVEL, found)
    return found.astype(np.int64)
