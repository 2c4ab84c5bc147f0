"""What the engine reads: the built days from the draft, every other day as it was released."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date

import duckdb

from roi_engine.warehouse.draft import AGEING
from roi_engine.warehouse.lake import transaction
from roi_engine.warehouse.release import FACT_PREFIXES, Columns, columns

WINDOW = "temp.main"
"""Schema of views that show facts and marts as they will stand once the build is released.

Only a temporary view can be made in the transaction that writes the lake.
"""

NEAR = "memory.near"
"""Schema of copies of what the window shows, while ``near`` holds them."""

_MOST_ROWS = 1_000_000
"""Of more rows no copy is made: reading them costs more than the lake's catalog does."""


@contextmanager
def near(
    con: duckdb.DuckDBPyConnection, asked: Mapping[str, str], *, first: date
) -> Iterator[frozenset[str]]:
    """Hold copies of facts of the window, from a day on; give the names of those there are.

    The lake takes some tens of milliseconds to find the files of a table, for every query: what
    is asked dozens of times is read once.

    Args:
        con: The lake, with its window open, and no transaction.
        asked: Fact → the text of all queries about it; only columns that it names are copied.
        first: The first day that is copied.
    """
    con.execute(f"create schema {NEAR}")
    try:
        with transaction(con):
            copied = frozenset(name for name in asked if _copy(con, name, asked[name], first))
        yield copied
    finally:
        con.execute(f"drop schema {NEAR} cascade")


def _copy(con: duckdb.DuckDBPyConnection, name: str, text: str, first: date) -> bool:
    """Copy a fact's rows from a day on unless they are too many; say whether it was done."""
    recent = f"from {WINDOW}.{name} where day >= date '{first}'"
    (rows,) = con.execute(f"select count(*) {recent}").fetchall()[0]
    if rows > _MOST_ROWS:
        return False
    words = set(re.findall(r"\w+", text))
    names = [column[0] for column in con.execute(f"from {WINDOW}.{name} limit 0").description]
    kept = ", ".join(f'"{column}"' for column in names if column in words)
    con.execute(f"create table {NEAR}.{name} as select {kept} {recent}")
    return True


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
