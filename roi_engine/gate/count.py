"""The query form of a suite: how many rows break each rule on each day, and which rows they are.

One scan of a relation counts every rule on every day; a second one, only where something failed,
writes the broken rows to quarantine. Neither passes a row through Python.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb

from roi_engine.gate.predicate import broken, literal, quote
from roi_engine.gate.rules import DayCount, Rule

SHOWN = 3
"""As many values of a broken rule as a reader takes in at a glance."""

QUARANTINE_COLUMNS = (
    "source varchar, rule varchar, reason varchar, severity varchar, day date, stage varchar,"
    " _load_id varchar, _source_file varchar, _source_row bigint, record varchar"
)


def count_days(
    con: duckdb.DuckDBPyConnection, relation: str, rules: list[Rule], *, has_days: bool
) -> list[DayCount]:
    """Return the counts of every day of ``relation``, in order; one without a day if it has none.

    Args:
        con: A connection that sees ``relation``.
        relation: Name of a table or view.
        rules: What to count.
        has_days: Whether the relation has a column ``day``.
    """
    critical = [rule.predicate for rule in rules if rule.severity == "critical"]
    counts = [f"count(*) filter (where {rule.predicate})" for rule in rules]
    counts.append(f"count(*) filter (where {' or '.join(critical) or 'false'})")
    day = "day" if has_days else "cast(null as date)"
    rows = con.execute(
        f"select {day} as day, count(*), {', '.join(counts)} from {relation}"
        " group by 1 order by 1 nulls first"
    ).fetchall()
    return [DayCount(row[0], row[1], tuple(row[2:-1]), row[-1]) for row in rows]


def observed_values(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    rule: Rule,
    *,
    about: str | None,
    has_days: bool,
) -> dict[date | None, str]:
    """Return, per day and (key None) overall, the most frequent values that break ``rule``.

    Ties are broken by the value, so that the same data give the same text.
    """
    shown = [quote(about)] if about else [quote(column) for column in rule.columns]
    value = " || ' / ' || ".join(f"coalesce(cast({each} as varchar), 'empty')" for each in shown)
    # a row that says what it is about is one group of many: its own count is in its text
    text = "left(value, 120)" if about else "left(value, 120) || ' (' || n || ')'"
    days = "select day, value, n, false as is_overall from found union all" if has_days else ""
    rows = con.execute(
        f"""
        with

        found as (
            select {"day" if has_days else "null as day"}, {value} as value, count(*) as n
            from {relation}
            where {rule.predicate}
            group by 1, 2
        ),

        counted as (
            {days}
            select cast(null as date) as day, value, sum(n) as n, true as is_overall
            from found
            group by value
        ),

        ranked as (
            select
                *,
                row_number() over (partition by is_overall, day order by n desc, value) as place,
                count(*) over (partition by is_overall, day) as kinds
            from counted
        )

        select day, string_agg({text}, ', ' order by place), any_value(kinds)
        from ranked
        where place <= {SHOWN}
        group by is_overall, day"""
    ).fetchall()
    return {
        day: found + (f", and {kinds - SHOWN} more" if kinds > SHOWN else "")
        for day, found, kinds in rows
    }


def quarantine(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    rules: list[Rule],
    *,
    source: str,
    fields: Mapping[str, str],
    has_days: bool,
) -> None:
    """Append the rows of ``relation`` that break ``rules`` to the table ``gate_quarantine``.

    A row that breaks two rules stands there twice, once for each. ``record`` is a JSON object of
    the ``fields`` (name → DuckDB type) that are not NULL, decimals as text.
    """
    cases = ", ".join(
        f"case when {rule.predicate} then {place} end" for place, rule in enumerate(rules)
    )
    # a decimal as a JSON number would pass through a double
    struct = ", ".join(
        f"{quote(name)} := "
        + (f"cast({quote(name)} as varchar)" if kind.startswith("DECIMAL") else quote(name))
        for name, kind in fields.items()
    )
    values = ", ".join(
        f"({place}, {literal(rule.name)}, {literal(rule.reason)}, {literal(rule.severity)})"
        for place, rule in enumerate(rules)
    )
    any_broken = " or ".join(rule.predicate for rule in rules)
    day = "day" if has_days else "cast(null as date)"
    con.execute(
        f"""
        insert into gate_quarantine

        with

        rules(place, rule, reason, severity) as (values {values}),

        failed as (
            select
                {day} as day,
                _load_id,
                _source_file,
                _source_row,
                -- merging into an empty object drops the fields that are NULL
                cast(json_merge_patch('{{}}', to_json(struct_pack({struct}))) as varchar) as record,
                unnest(list_filter([{cases}], place -> place is not null)) as place
            from {relation}
            where {any_broken}
        )

        select
            {literal(source)},
            rules.rule,
            rules.reason,
            rules.severity,
            failed.day,
            'gate',
            failed._load_id,
            failed._source_file,
            failed._source_row,
            failed.record
        from failed
        inner join rules using (place)"""
    )


def count_marts(
    con: duckdb.DuckDBPyConnection, relation: str, rules: list[dict[str, Any]]
) -> tuple[int, list[int]]:
    """Count a mart's rows, and those that break each of its declared rules, in one query.

    Args:
        con: A connection that sees the relation.
        relation: Name of the mart's table.
        rules: As ``roi_engine.marts.declare.expectations`` states them.

    Returns:
        The number of rows, and for each rule how many break it; a rule on the whole table is
        broken once or not at all.
    """
    names = [row[0] for row in con.execute(f"describe {relation}").fetchall()]
    counts = []
    for rule in rules:
        kwargs = rule["kwargs"]
        if rule["type"] == "expect_table_columns_to_match_ordered_list":
            counts.append(str(int(names != kwargs["column_list"])))
        elif rule["type"] == "expect_compound_columns_to_be_unique":
            key = ", ".join(map(quote, kwargs["column_list"]))
            counts.append(
                f"(select coalesce(sum(rows), 0) from (select count(*) as rows from {relation}"
                f" group by {key} having count(*) > 1))"
            )
        else:
            counts.append(f"count(*) filter (where {broken(rule['type'], kwargs)})")
    found = con.execute(f"select count(*), {', '.join(counts)} from {relation}").fetchone()
    total, *each = found or (0, *(0 for _ in rules))
    return int(total), [int(one) for one in each]
