"""What the engine reads: the built days from the draft, every other day as it was released."""

from collections.abc import Iterable
from datetime import date

import duckdb

from roi_engine.warehouse.draft import AGEING
from roi_engine.warehouse.release import FACT_PREFIXES, Columns, columns

WINDOW = "temp.main"
"""Schema of views that show facts and marts as they will stand once the build is released.

Only a temporary view can be made in the transaction that writes the lake.
"""


def open_window(con: duckdb.DuckDBPyConnection, *, mart_days: Iterable[date] = ()) -> str:
    """Make a view per fact and dim over draft and release together; return their schema.

    Args:
        con: The lake, with the draft open.
        mart_days: Days whose daily marts have been built. When there are any, each mart in
            the draft gets a view too.
    """
    listed = ", ".join(f"date '{day}'" for day in sorted(mart_days))
    there = columns(con)
    # a copy: every view asks for these days, and the lake reads its catalog for every scan
    con.execute(
        "create or replace temp table built_day as"
        " select day, status = 'aged' as is_aged from lake.ops.run_day where status <> 'blocked'"
    )
    for name in sorted({table for schema, table in there if schema in {"draft", "facts"}}):
        if name.startswith(FACT_PREFIXES):
            which = "true" if name in AGEING else "not is_aged"
            days = f"(select day from temp.built_day where {which})"
            relation = _relation(there, "facts", name, days)
        elif listed:
            relation = _relation(there, "marts", name, f"({listed})")
        else:
            continue
        con.execute(f"create or replace temp view {name} as {relation}")
    return WINDOW


def _relation(there: Columns, schema: str, table: str, days: str) -> str:
    new = there.get(("draft", table))
    old = there.get((schema, table))
    if not new:
        return f"from lake.{schema}.{table}"
    if not old or "day" not in new:
        return f"from draft.{table}"
    return (
        f"from draft.{table} union all by name from lake.{schema}.{table} where day not in {days}"
    )
