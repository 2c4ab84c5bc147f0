"""The day's part of an allowance that is given for a longer period."""

import polars as pl

from roi_engine.marts.money import whole


def share_of_period() -> pl.Expr:
    """Return the day's part of ``allowance``: equal parts, the first days take what is left over.

    Over the period the parts add up to the allowance, to the nano-unit.

    Examples:
        >>> from datetime import date
        >>> days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
        >>> frame = pl.DataFrame(
        ...     {"day": days, "period_start": days[:1] * 3, "period_days": [3] * 3}
        ... ).with_columns(allowance=pl.lit(10, dtype=pl.Int128))
        >>> frame.select(share_of_period()).to_series().to_list()
        [4, 3, 3]
    """
    length = pl.col("period_days").cast(pl.Int128)
    position = (pl.col("day") - pl.col("period_start")).dt.total_days()
    left_over = pl.col("allowance") % length
    extra = position.cast(pl.Int128) < left_over
    return pl.col("allowance") // length + pl.when(extra).then(whole(1)).otherwise(whole(0))
