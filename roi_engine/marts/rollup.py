"""Any level of a mart, asked in SQL: sums are added, ratios are taken of the sums.

A total that changes when it is grouped, or a ratio that was averaged, cannot come out of here: what
a column is for a group of rows is part of its declaration (``Column.aggregate``), and a column that
nothing can give for a group is not offered.
"""

from collections.abc import Sequence
from datetime import date

from roi_engine.marts.columns import Mart
from roi_engine.marts.declare import DECLARED


class NotThere(Exception):
    """A mart or column that cannot be rolled up; the message names those that can."""


def measures(mart: Mart) -> dict[str, str]:
    """Return column → SQL aggregate of everything that a group of rows has.

    Examples:
        >>> measures(DECLARED["daily_roi"])["roi"]
        'case when sum(total_cost) > 0 then cast(sum(net_value) as double) / sum(total_cost) end'
    """
    return {column.name: column.aggregate for column in mart.columns if column.aggregate}


def sql(
    name: str,
    by: Sequence[str] = (),
    columns: Sequence[str] = (),
    *,
    first: date | None = None,
    last: date | None = None,
    schema: str = "marts",
) -> str:
    """Return the query for a mart at a level.

    Args:
        name: The mart.
        by: Columns of its grain to group by; none for one row over all. ``week`` and ``month``
            group days.
        columns: What to show; default all that a group has.
        first: First day, in.
        last: Last day, in.
        schema: Where the mart is.

    Raises:
        NotThere: The mart, a grouping column or a figure does not exist.

    Examples:
        >>> print(sql("daily_roi", ["agent_id"], ["net_value", "roi"], first=date(2026, 1, 2)))
        select
            agent_id,
            sum(net_value) as net_value,
            case when sum(total_cost) > 0 then cast(sum(net_value) as double) / sum(total_cost) end
                as roi
        from marts.daily_roi
        where day >= date '2026-01-02'
        group by 1
        order by 1
    """
    mart = DECLARED.get(name)
    if mart is None:
        raise NotThere(f"There is no mart {name}; there are {', '.join(DECLARED)}.")
    there = measures(mart)
    keys = [_key(mart, key) for key in by]
    unknown = [column for column in columns if column not in there]
    if unknown:
        raise NotThere(
            f"{', '.join(unknown)} of {name} cannot be given for a group of rows;"
            f" {', '.join(there)} can."
        )
    shown = [f"{there[column]} as {column}" for column in columns or there]
    conditions = [
        f"day {sign} date '{day}'" for sign, day in ((">=", first), ("<=", last)) if day is not None
    ]
    text = "select\n    " + ",\n    ".join(_folded(one) for one in [*keys, *shown])
    text += f"\nfrom {schema}.{name}"
    if conditions:
        text += "\nwhere " + " and ".join(conditions)
    if keys:
        places = ", ".join(str(number + 1) for number in range(len(keys)))
        text += f"\ngroup by {places}\norder by {places}"
    return text


def _key(mart: Mart, key: str) -> str:
    if key in {"week", "month"} and "day" in mart.grain:
        return f"cast(date_trunc('{key}', day) as date) as {key}"
    if key not in mart.grain:
        periods = ", week, month" if "day" in mart.grain else ""
        raise NotThere(
            f"{mart.name} has no {key} to group by; it has {', '.join(mart.grain)}{periods}."
        )
    return key


def _folded(line: str) -> str:
    """Put the name of a long expression on a line of its own."""
    expression, _, name = line.rpartition(" as ")
    return line if len(line) < 90 else f"{expression}\n        as {name}"
