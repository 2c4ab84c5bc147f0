"""What is different: between what was built and what stands, and between two snapshots."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import Enum

import duckdb

_CATALOG = "__ducklake_metadata_lake"
_INSERTS = {"tables_inserted_into", "inlined_insert"}


class Kind(Enum):
    """What the lake's own log says about a table between two snapshots."""

    UNTOUCHED = "untouched"
    GROWN = "grown"
    """Rows were added, and none was deleted."""
    CHANGED = "changed"


def against_draft(
    con: duckdb.DuckDBPyConnection,
    built: str,
    released: str,
    *,
    names: Sequence[str],
    days: Sequence[date],
) -> dict[date | None, bool]:
    """Return the days of which a built table holds other rows: day → whether there were any.

    A table without days is asked as a whole, under None. Rows are compared one by one and in
    every column, each as often as it is there.

    Args:
        con: The lake, with the draft open.
        built: A table of the draft.
        released: The table of the same columns that it replaces.
        names: Its columns.
        days: The days that are replaced.
    """
    columns = ", ".join(f'"{name}"' for name in names)
    is_dated = "day" in names
    key = "day" if is_dated else "cast(null as date)"
    among = "where day in (select unnest(?::date[]))" if is_dated else ""
    return dict(
        con.execute(
            f"""
            with rows as (
                select {columns}, 1 as built, 0 as released from {built} {among}
                union all
                select {columns}, 0 as built, 1 as released from {released} {among}
            ),
            kinds as (
                select {key} as day, sum(built) as built, sum(released) as released
                from rows group by {columns}
            )
            select day, sum(released) > 0 from kinds group by day
            having bool_or(built <> released)
            """,
            [list(days), list(days)] if is_dated else [],
        ).fetchall()
    )


def between(
    con: duckdb.DuckDBPyConnection, before: int, after: int
) -> Mapping[tuple[str, str], Kind]:
    """Return (schema, table) → what happened to it after one snapshot, up to another.

    A table that was not there all the time is left out, and every table is when a snapshot between
    them has expired: then nobody knows.
    """
    logged = con.execute(
        "select changes from lake.snapshots() where snapshot_id > ? and snapshot_id <= ?",
        [before, after],
    ).fetchall()
    if len(logged) != after - before:
        return {}
    grown: set[str] = set()
    changed: set[str] = set()
    for (changes,) in logged:
        for kind, tables in changes.items():
            (grown if kind in _INSERTS else changed).update(tables)
    tables = con.execute(
        "select schema_name, table_name, cast(table_id as varchar)"
        f" from {_CATALOG}.ducklake_table as tables"
        f" inner join {_CATALOG}.ducklake_schema as schemas using (schema_id)"
        " where tables.begin_snapshot <= ? and coalesce(tables.end_snapshot > ?, true)"
        " and coalesce(schemas.end_snapshot > ?, true)",
        [before, after, after],
    ).fetchall()

    def said_of(table: str) -> Kind:
        if table in changed:
            return Kind.CHANGED
        return Kind.GROWN if table in grown else Kind.UNTOUCHED

    return {(schema, name): said_of(table) for schema, name, table in tables}


def grown_days(
    con: duckdb.DuckDBPyConnection, schema: str, table: str, before: int, after: int
) -> set[date]:
    """Return the days of the rows that a table gained after one snapshot, up to another."""
    rows = con.execute(
        "select distinct day from ducklake_table_insertions('lake', ?, ?, ?, ?)",
        [schema, table, before + 1, after],
    ).fetchall()
    return {day for (day,) in rows if day is not None}


def same_days(
    con: duckdb.DuckDBPyConnection, table: str, days: Collection[date], old: int, new: int
) -> set[date]:
    """Return the days of a table whose rows are the same in two snapshots."""
    if not days:
        return set()

    def content(snapshot: int) -> set[tuple[date, int, int]]:
        rows = f"from {table} at (version => {snapshot})"
        return set(
            con.execute(
                f"select day, count(*), sum(hash(read)) from ({rows}) as read"
                " where day in (select unnest(?::date[])) group by day",
                [sorted(days)],
            ).fetchall()
        )

    return {day for day, *_ in content(old) & content(new)}
