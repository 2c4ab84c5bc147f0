"""Any level of a mart, asked in SQL: sums are added, ratios are taken of the sums.

A total that changes when it is grouped, or a ratio that was averaged, cannot come out of here: what
a column is for a group of rows is part of its declaration (``Column.aggregate``), and a column that
nothing can give for a group is not offered.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from roi_engine.marts.columns import Mart
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.histograms import value_sql


class NotThere(Exception):
    """A mart or column that cannot be rolled up; the message names those that can."""


def measures(mart: Mart) -> dict[str, str]:
    """Return column → SQL aggregate of everything that a group of rows has.

    Examples:
        >>> measures(DECLARED["daily_roi"])["roi"]
        'case when sum(total_cost) > 0 then cast(sum(net_value) as double) / sum(total_cost) end'
    """
    return {column.name: column.aggregate for column in mart.columns if column.aggregate}


def histograms(mart: Mart) -> dict[str, tuple[str, str, float]]:
    """Return column → mart, measure and quantile of every percentile that a group of rows has.

    Examples:
        >>> histograms(DECLARED["daily_kpi"])["cycle_hours_p90"]
        ('daily_duration', 'cycle_hours', 0.9)
    """
    return {column.name: column.histogram for column in mart.columns if column.histogram}


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
        columns: What to show; default all sums, ratios and percentiles that a group has.
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
    read_off = histograms(mart)
    keys = [_key(mart, key) for key in by]
    unknown = [column for column in columns if column not in there and column not in read_off]
    if unknown:
        raise NotThere(
            f"{', '.join(unknown)} of {name} cannot be given for a group of rows;"
            f" {', '.join([*there, *read_off])} can."
        )
    conditions = [
        f"day {sign} date '{day}'" for sign, day in ((">=", first), ("<=", last)) if day is not None
    ]
    where = "\nwhere " + " and ".join(conditions) if conditions else ""
    columns = columns or [*there, *read_off]
    wanted = {column: read_off[column] for column in columns if column in read_off}
    if wanted:
        return _with_percentiles(mart, by, columns, wanted, schema=schema, where=where)
    shown = [f"{there[column]} as {column}" for column in columns]
    text = "select\n    " + ",\n    ".join(_folded(one) for one in [*keys, *shown])
    text += f"\nfrom {schema}.{name}{where}"
    if keys:
        places = _places(keys)
        text += f"\ngroup by {places}\norder by {places}"
    return text


def _with_percentiles(
    mart: Mart,
    by: Sequence[str],
    columns: Sequence[str],
    wanted: Mapping[str, tuple[str, str, float]],
    *,
    schema: str,
    where: str,
) -> str:
    """Return the query in which some columns are read off buckets that were added up first.

    A percentile is the value of the first bucket by which enough of the group is counted: what
    ``percentile_disc`` of the facts would give, within 0.5 %.
    """
    there = measures(mart)
    keys = [_key(mart, key) for key in by]
    (table,) = {histogram for histogram, *_ in wanted.values()}
    words = ", ".join(
        f"'{measure}'" for measure in dict.fromkeys(one[1] for one in wanted.values())
    )
    plain = [f"{there[column]} as {column}" for column in columns if column in there]
    # one row even where nothing else is asked, as a group without buckets is a group
    sums = ",\n        ".join(
        [*keys, *(_folded(one, 8) for one in plain)] or ["count(*) as number"]
    )
    group = f"\n    group by {_places(keys)}" if keys else ""
    inner = where.replace("\n", "\n    ")
    joined = ", ".join(by)
    within = ", ".join([*by, "measure"])
    reads = ",\n        ".join(
        f"min(bucket) filter (where measure = '{measure}'"
        f" and 100 * reached >= {round(100 * share)} * total)\n"
        f"            as {column}"
        for column, (_, measure, share) in wanted.items()
    )
    listed = ",\n    ".join(
        _folded(f"{value_sql(column)} as {column}") if column in wanted else column
        for column in [*by, *columns]
    )
    join = f"left join percentiles using ({joined})" if by else "cross join percentiles"
    order = f"\norder by {_places(keys)}" if keys else ""
    return f"""with

sums as (
    select
        {sums}
    from {schema}.{mart.name}{inner}{group}
),

buckets as (
    select
        {"".join(f"{key},{chr(10)}        " for key in keys)}measure,
        bucket,
        sum(count) as n
    from {schema}.{table}
    where measure in ({words}){inner.replace(f"{chr(10)}    where", f"{chr(10)}        and")}
    group by {_places([*keys, "measure", "bucket"])}
),

counted as (
    select
        *,
        sum(n) over (partition by {within} order by bucket) as reached,
        sum(n) over (partition by {within}) as total
    from buckets
),

percentiles as (
    select
        {"".join(f"{key},{chr(10)}        " for key in by)}{reads}
    from counted{f"{chr(10)}    group by {_places(by)}" if by else ""}
)

select
    {listed}
from sums
{join}{order}"""


def _places(keys: Sequence[str]) -> str:
    return ", ".join(str(number + 1) for number in range(len(keys)))


def _key(mart: Mart, key: str) -> str:
    if key in {"week", "month"} and "day" in mart.grain:
        return f"cast(date_trunc('{key}', day) as date) as {key}"
    if key not in mart.grain:
        periods = ", week, month" if "day" in mart.grain else ""
        raise NotThere(
            f"{mart.name} has no {key} to group by; it has {', '.join(mart.grain)}{periods}."
        )
    return key


def _folded(line: str, indent: int = 4) -> str:
    """Put the name of a long expression on a line of its own."""
    expression, _, name = line.rpartition(" as ")
    return line if len(line) < 90 else f"{expression}\n{' ' * (indent + 4)}as {name}"
