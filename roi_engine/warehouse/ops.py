"""The tables that the pipeline keeps about itself: what landed, what was refused, what is built."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import duckdb
import polars as pl

MANIFEST = "lake.ops.manifest"


class LakeLedger:
    """The manifest of a lake, as landing reads it and appends to it."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def manifest(self) -> list[dict[str, object]]:
        """Return ``ops.manifest`` in the order of ``seq``."""
        answer = self._con.execute(f"select * from {MANIFEST} order by seq")
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def append(self, rows: Sequence[Mapping[str, object]], quarantine: pl.DataFrame) -> None:
        """Append to ``ops.manifest`` and ``ops.quarantine``, in one transaction."""
        names = list(rows[0])
        marks = ", ".join("?" * len(names))
        self._con.execute("begin")
        try:
            self._con.executemany(
                f"insert into {MANIFEST} ({', '.join(names)}) values ({marks})",
                [[row[name] for name in names] for row in rows],
            )
            self._con.register("refused", quarantine.with_columns(stage=pl.lit("parse")))
            self._con.execute("insert into lake.ops.quarantine by name from refused")
            self._con.execute("commit")
        except BaseException:
            self._con.execute("rollback")
            raise
        finally:
            self._con.unregister("refused")


def activate_loads(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``ops.active_load``: of each file its newest parse, of each reference table its newest.

    A file that was parsed anew (another parser, another mapping) counts once; a reference table
    is replaced whole by its newest file.
    """
    con.execute("begin")
    con.execute("delete from lake.ops.active_load")
    con.execute(f"""
        insert into lake.ops.active_load
        with landed as (
            select *,
                row_number() over (
                    partition by source, system, sha256 order by seq desc
                ) as parse_rank,
                row_number() over (partition by source, tables order by seq desc) as table_rank
            from {MANIFEST}
            where status = 'landed'
        )
        select load_id, source, seq from landed
        where (source = 'reference' and table_rank = 1)
            or (source <> 'reference' and parse_rank = 1)
        order by seq
    """)
    con.execute("commit")


def record_days(
    con: duckdb.DuckDBPyConnection,
    *,
    days: Iterable[tuple[date, str, str | None, str, bool]],
    results: pl.DataFrame,
    quarantine: duckdb.DuckDBPyRelation | None,
    checked_days: Sequence[date],
) -> None:
    """Write what the gate found and decided, in one transaction.

    Args:
        con: The lake, writable.
        days: (day, status, reason, transform_run_id, is_requested) of each day of the run.
        results: Rows of ``ops.validation_result``.
        quarantine: Rows of ``ops.quarantine`` (stage ``gate``), None for none.
        checked_days: Days whose earlier gate quarantine is replaced.
    """
    con.execute("begin")
    try:
        con.execute("delete from lake.ops.run_day")
        rows = [list(row) for row in days]
        if rows:
            con.executemany("insert into lake.ops.run_day values (?, ?, ?, ?, ?)", rows)
        con.execute("delete from lake.ops.validation_result where true")
        con.register("judged", results)
        con.execute("insert into lake.ops.validation_result by name from judged")
        con.execute(
            "delete from lake.ops.quarantine where stage = 'gate'"
            " and (day is null or day in (select unnest(?::date[])))",
            [list(checked_days)],
        )
        if quarantine is not None:
            con.execute("create or replace temp table gate_refused as from gate_quarantine")
            con.execute(
                "insert into lake.ops.quarantine by name"
                " select *, 'gate' as stage from (select * exclude (stage) from gate_refused)"
                if "stage" in quarantine.columns
                else "insert into lake.ops.quarantine by name"
                " select *, 'gate' as stage from gate_refused"
            )
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    finally:
        con.unregister("judged")
