"""What the engine reads: facts already summed where the data is, as Arrow."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import duckdb
import pyarrow as pa

from roi_engine.warehouse.release import columns


class Query(Protocol):
    """What the warehouse needs to know of a mart's fact query (see roi_engine.marts)."""

    @property
    def table(self) -> str:
        """Return the fact or dim that is read."""


def window_relation(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return a FROM expression: the built days from ``build``, all other days from ``facts``."""
    new = columns(con, "build", table)
    old = columns(con, "facts", table)
    if not new:
        return f"lake.facts.{table}"
    if not old or "day" not in new:
        return f"lake.build.{table}"
    return (
        f"(from lake.build.{table} union all by name from lake.facts.{table} where day not in"
        " (select day from lake.ops.run_day where status = 'passed'))"
    )


def fetch(
    con: duckdb.DuckDBPyConnection, query: str, days: Sequence[date] | None = None
) -> pa.Table:
    """Run a query and return its rows as an Arrow table."""
    return con.execute(query, [list(days)] if days is not None else []).to_arrow_table()
