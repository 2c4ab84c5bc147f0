"""What the engine reads: the built days from ``build``, every other day from ``facts``."""

import duckdb

from roi_engine.warehouse.release import FACT_PREFIXES, columns

WINDOW = "memory.fact_window"
"""Schema of views that show the facts as they will stand once the build is released."""


def open_window(con: duckdb.DuckDBPyConnection) -> str:
    """Make a view per fact and dim over build and facts together; return their schema."""
    con.execute(f"create schema if not exists {WINDOW}")
    names = con.execute(
        "select distinct table_name from information_schema.tables where table_catalog = 'lake'"
        " and table_schema in ('build', 'facts') and table_type = 'BASE TABLE' order by 1"
    ).fetchall()
    for (name,) in names:
        if name.startswith(FACT_PREFIXES):
            con.execute(f"create or replace view {WINDOW}.{name} as {_relation(con, name)}")
    return WINDOW


def _relation(con: duckdb.DuckDBPyConnection, table: str) -> str:
    new = columns(con, "build", table)
    old = columns(con, "facts", table)
    if not new:
        return f"from lake.facts.{table}"
    if not old or "day" not in new:
        return f"from lake.build.{table}"
    return (
        f"from lake.build.{table} union all by name from lake.facts.{table} where day not in"
        " (select day from lake.ops.run_day where status = 'passed')"
    )
