"""Trailing windows D−27 … D, put together from sums per day."""

from collections.abc import Sequence

import polars as pl

from roi_engine.marts.facts import WINDOW_DAYS
from roi_engine.marts.params import Params


def over_window(
    daily: pl.DataFrame, keys: Sequence[str], params: Params, *, length: int = WINDOW_DAYS
) -> pl.DataFrame:
    """Add up each key's days over the window of every requested day.

    Args:
        daily: One row a day and key, with whole numbers to add.
        keys: The key columns beside day.
        params: The run's choices.
        length: Days of the window, the requested one included.

    Returns:
        One row for each requested day and key that has anything in its window.

    Examples:
        >>> from datetime import date
        >>> daily = pl.DataFrame({"day": [date(2026, 1, 1)], "k": ["a"], "n": [2]})
        >>> params = Params(days=(date(2026, 1, 28), date(2026, 1, 29)), as_of=date(2026, 2, 1))
        >>> over_window(daily, ["k"], params).rows()
        [(datetime.date(2026, 1, 28), 'a', 2)]
    """
    values = [column for column in daily.columns if column not in {"day", *keys}]
    return (
        _spread(daily, params, length)
        .group_by("day", *keys)
        .agg(pl.col(values).sum())
        .sort("day", *keys, nulls_last=True)
    )


def day_by_day(rows: pl.DataFrame, daily: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Lay out the window of each row: 28 days a row, oldest first, in the order of the rows.

    Args:
        rows: Distinct requested rows (day and keys), sorted.
        daily: One row a day and key, with whole numbers.
        keys: The key columns beside day.

    Returns:
        ``rows.height · 28`` rows with ``at`` (the day within the window); a day without a row
        has NULL.
    """
    wanted = (
        rows.select("day", *keys)
        .with_row_index("row")
        .join(pl.DataFrame({"back": range(WINDOW_DAYS - 1, -1, -1)}), how="cross")
        .with_columns(at=pl.col("day") - pl.duration(days=pl.col("back")))
    )
    return wanted.join(
        daily.rename({"day": "at"}), on=["at", *keys], how="left", validate="m:1"
    ).sort("row", "at")


def _spread(daily: pl.DataFrame, params: Params, length: int) -> pl.DataFrame:
    """Repeat each day's row for every requested day whose window it is in."""
    back = pl.DataFrame({"back": range(length)})
    return (
        daily.join(back, how="cross")
        .with_columns(pl.col("day") + pl.duration(days=pl.col("back")))
        .filter(pl.col("day").is_in(sorted(set(params.days))))
        .drop("back")
    )
