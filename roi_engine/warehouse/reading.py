"""What the engine reads: the built days from ``build``, every other day as it was released."""

from collections.abc import Iterable
from datetime import date

import duckdb

from roi_engine.warehouse.release import FACT_PREFIXES, columns

WINDOW = "memory.fact_window"
"""Schema of views that show facts and marts as they will stand once the build is released."""


def open_window(con: duckdb.DuckDBPyConnection, *, mart_days: Iterable[date] = ()) -> str:
    """Make a view per fact and dim over build and release together; return their schema.

    Args:
        con: The lake, built tables waiting in ``build``.
        mart_days: Days whose daily marts have been built. When there are any, each mart in
            ``build`` gets a view too.
    """
    con.execute(f"create schema if not exists {WINDOW}")
    listed = ", ".join(f"date '{day}'" for day in sorted(mart_days))
    names = con.execute(
        "select distinct table_name from information_schema.tables where table_catalog = 'lake'"
        " and table_schema in ('build', 'facts') and table_type = 'BASE TABLE' order by 1"
    ).fetchall()
    for (name,) in names:
        if name.startswith(FACT_PREFIXES):
            days = "(select day from lake.ops.run_day where status = 'passed')"
            relation = _relation(con, "facts", name, days)
        elif listed:
            relation = _relation(con, "marts", name, f"({listed})")
        else:
            continue
        con.execute(f"create or replace view {WINDOW}.{name} as {relation}")
    return WINDOW


def _relation(con: duckdb.DuckDBPyConnection, schema: str, table: str, days: str) -> str:
    new = columns(con, "build", table)
    old = columns(con, schema, table)
    if not new:
        return f"from lake.{schema}.{table}"
    if not old or "day" not in new:
        return f"from lake.build.{table}"
    return (
        f"from lake.build.{table} union all by name from lake.{schema}.{table}"
        f" where day not in {days}"
    )
