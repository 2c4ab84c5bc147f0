"""The tables that the pipeline keeps about itself: what landed, what was refused, what is built."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import duckdb
import polars as pl

from roi_engine.warehouse.lake import transaction

MANIFEST = "lake.ops.manifest"

_NEWEST = f"""
    select * from {MANIFEST}
    qualify row_number() over (
        partition by source, case when source <> 'reference' then system end, sha256
        order by seq desc
    ) = 1
"""
"""The last that is said of each file."""

UNREADABLE = f"""
    with newest as ({_NEWEST}),
    named as (
        -- a live document's name ends with its version
        select *, case when starts_with(uri, 'live/') then regexp_replace(uri, '@[^@]*$', '')
            else uri end as name
        from newest
    )
    select load_id, source, uri from named
    where status = 'unreadable' and not exists (
        select 1 from named as later
        where later.source = named.source and later.name = named.name and later.seq > named.seq
    )
"""
"""Files that could not be read and in whose place nothing has come since."""


class LakeLedger:
    """The manifest of a lake, as landing reads it and appends to it."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def manifest(self) -> list[dict[str, object]]:
        """Return ``ops.manifest`` in the order of ``seq``."""
        answer = self._con.execute(f"select * from {MANIFEST} order by seq")
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def marks(self) -> dict[str, str]:
        """Return where each live door goes on."""
        return dict(
            self._con.execute(
                "select door, mark from lake.ops.mark"
                " qualify row_number() over (partition by door order by number desc) = 1"
            ).fetchall()
        )

    def append(
        self,
        rows: Sequence[Mapping[str, object]],
        quarantine: pl.DataFrame,
        marks: Mapping[str, str],
    ) -> None:
        """Append to ``ops.manifest``, ``ops.quarantine`` and ``ops.mark``, in one transaction."""
        self._con.execute("begin")
        try:
            if rows:
                names = list(rows[0])
                places = ", ".join("?" * len(names))
                self._con.executemany(
                    f"insert into {MANIFEST} ({', '.join(names)}) values ({places})",
                    [[row[name] for name in names] for row in rows],
                )
            for door, mark in marks.items():
                self._con.execute(
                    "insert into lake.ops.mark select coalesce(max(number), 0) + 1, ?, ?,"
                    " now() at time zone 'UTC' from lake.ops.mark",
                    [door, mark],
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
    is replaced whole by its newest file; a file that was retracted does not count.
    """
    with transaction(con):
        con.execute("delete from lake.ops.active_load")
        con.execute(f"""
            insert into lake.ops.active_load
            with newest as ({_NEWEST})
            select load_id, source, seq from newest
            where status = 'landed'
            qualify source <> 'reference'
                or row_number() over (partition by source, tables order by seq desc) = 1
            order by seq
        """)


def cured_files(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the files that could not be read once, and in whose place another has landed."""
    rows = con.execute(
        f"select distinct uri from {MANIFEST} where status = 'unreadable'"
        f" and uri not in (select uri from ({UNREADABLE})) order by uri"
    ).fetchall()
    return [row[0] for row in rows]


def silent_sources(con: duckdb.DuckDBPyConnection, *, billing_close_days: int) -> dict[str, date]:
    """Return the systems that have stopped to deliver, each with the last day that it has.

    A system is silent when the newest day of all lies further after its own last day than any of
    its pauses before was long; a day behind is never silence. Nor is a bill silent before the
    month of its next day has closed, ``billing_close_days`` after its end.
    """
    rows = con.execute(
        f"""
        with delivered as (
            select source, system, interval_start as first_day, interval_end as last_day,
                max(interval_end) over (
                    partition by source, system order by interval_start, seq
                    rows between unbounded preceding and 1 preceding
                ) as before
            from ({_NEWEST})
            where source <> 'reference' and status = 'landed' and interval_start is not null
        ),
        systems as (
            select source, system, max(last_day) as last_day,
                max(first_day - before) as longest_pause
            from delivered group by source, system
        ),
        newest as (select max(last_day) as day from systems)
        select source || ' ' || system as name, last_day from systems, newest
        where newest.day - last_day > greatest(1, longest_pause)
            and (
                source <> 'billing'
                or newest.day >= date_trunc('month', last_day + 1) + interval 1 month
                    + to_days(?)
            )
        order by name
        """,
        [billing_close_days],
    ).fetchall()
    return dict(rows)


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


def read_draft(con: duckdb.DuckDBPyConnection, *, token: str, code_version: str) -> str | None:
    """Return the stage that the build of a token has reached, None when its draft is not there."""
    row = con.execute(
        "select stage from lake.ops.draft where token = ? and code_version = ?",
        [token, code_version],
    ).fetchone()
    return row[0] if row else None


def write_draft(
    con: duckdb.DuckDBPyConnection,
    *,
    token: str,
    stage: str,
    as_of: date | None,
    code_version: str,
) -> None:
    """Say that the build of a token has reached a stage."""
    with transaction(con):
        con.execute("delete from lake.ops.draft")
        con.execute(
            "insert into lake.ops.draft values (?, ?, ?, ?)", [token, stage, as_of, code_version]
        )


def drop_draft(con: duckdb.DuckDBPyConnection) -> None:
    """End whatever draft there is: its build tables are about to be another build's."""
    con.execute("delete from lake.ops.draft")


def finish_draft(con: duckdb.DuckDBPyConnection) -> None:
    """Mark the draft as published; part of the transaction that publishes it."""
    con.execute("update lake.ops.draft set stage = 'publish'")


def record_extraction(
    con: duckdb.DuckDBPyConnection, *, source: str, day: date, new_loads: int, run_id: str
) -> None:
    """Say that a source was asked for a day, whether or not anything new came."""
    con.execute(
        "insert into lake.ops.extraction values (?, ?, now() at time zone 'UTC', ?, ?)",
        [source, day, new_loads, run_id],
    )


def missing_extractions(
    con: duckdb.DuckDBPyConnection, day: date, sources: Iterable[str]
) -> list[str]:
    """Return the sources that have not been asked for a day yet."""
    asked = con.execute(
        "select distinct source from lake.ops.extraction where day = ?", [day]
    ).fetchall()
    return sorted(set(sources) - {row[0] for row in asked})
