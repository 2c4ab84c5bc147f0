"""Daily sums laid out as rows of days, for kernels that look along time."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from roi_engine.marts.money import doubles
from roi_engine.metrics.roi import Floats


class Series(NamedTuple):
    """Members in order, and for each name a table of shape (members, days), last day last."""

    members: list[str]
    tables: dict[str, Floats]


def lay_out(
    daily: pl.DataFrame, member: str, per: dict[str, float], *, last: date, length: int
) -> Series:
    """Lay out each member's days up to the last one.

    A day on which nobody has a row was not built: it is missing. Before its first row a member was
    not there: missing too. Any other day without a row cost and brought nothing: 0.

    Args:
        daily: One row a day and member, with whole numbers.
        member: Name of the member's column.
        per: Column → what a unit of it is worth in whole numbers (1e9 for money).
        last: The last day.
        length: Days to lay out.

    Returns:
        Members sorted by name.

    Examples:
        >>> rows = {"day": [date(2026, 1, 1), date(2026, 1, 3)], "k": ["a", "b"], "n": [2, 5]}
        >>> found = lay_out(pl.DataFrame(rows), "k", {"n": 1.0}, last=date(2026, 1, 3), length=3)
        >>> found.members, found.tables["n"]
        (['a', 'b'], array([[ 2., nan,  0.],
               [nan, nan,  5.]]))
    """
    calendar = pl.DataFrame(
        {"day": [last - timedelta(days=back) for back in range(length - 1, -1, -1)]},
        schema={"day": pl.Date},
    )
    members = daily.select(pl.col(member).unique().sort())
    begun = daily.group_by(member).agg(first=pl.col("day").min())
    built = daily.select("day").unique().with_columns(is_built=pl.lit(True))
    names = list(per)
    is_there = pl.col("is_built").fill_null(False) & (pl.col("day") >= pl.col("first"))
    laid_out = (
        members.join(begun, on=member, how="left", validate="1:1")
        .join(calendar, how="cross")
        .join(built, on="day", how="left", validate="m:1")
        .join(daily.select("day", member, *names), on=["day", member], how="left", validate="1:1")
        .with_columns(
            pl.when(is_there).then(pl.col(name).fill_null(0)).alias(name) for name in names
        )
        .sort(member, "day")
    )
    shape = (members.height, length)
    return Series(
        members[member].to_list(),
        {name: doubles(laid_out, name, unit).reshape(shape) for name, unit in per.items()},
    )


def summed(rows: pl.DataFrame, keys: Sequence[str], names: Sequence[str]) -> pl.DataFrame:
    """Add up whole numbers by key, in the order of the keys.

    Examples:
        >>> summed(pl.DataFrame({"k": ["b", "a", "b"], "n": [1, 2, 3]}), ["k"], ["n"]).rows()
        [('a', 2), ('b', 4)]
    """
    return rows.group_by(*keys).agg(pl.col(*names).sum()).sort(*keys)
