"""Typed columns → the Parquet files of a load, one a day, and the rows that were refused.

Memory stays bounded whatever the file's size: rows are streamed to one staged file, and cut
into days from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from roi_engine.sources import cells
from roi_engine.sources.base import QUARANTINE_SCHEMA, Context, Load
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.schema import UNDATED, Table

_ROW_GROUP = 40_960
_FEW_DAYS = 6
"""Up to so many days it is cheaper to read the staged file once a day than to sort it."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one table of a load became."""

    rows: int
    days: frozenset[date]
    quarantine: pl.DataFrame


def write(
    con: duckdb.DuckDBPyConnection,
    query: str,
    *,
    table: Table,
    load: Load,
    context: Context,
    out: Path,
) -> Written:
    """Write the rows of ``query`` as bronze and collect what is wrong with their cells.

    Files are ``out/TABLE/day=YYYY-MM-DD/LOAD.parquet``, or ``out/TABLE/LOAD.parquet`` for a
    reference table; columns as in ``table.all_columns``, rows in the order of ``_source_row``.
    A row whose ``day_from`` is NULL lies on ``UNDATED``.

    Args:
        con: From ``files.connect``.
        query: Columns of ``table`` by name, ``_source_row``, ``_rejected`` and, where amounts
            were read, ``_rounded``; ``cells.typed`` makes such a query.
        table: The bronze table.
        load: Whose rows these are.
        context: Where to put what is only needed meanwhile.
        out: The parser's ``out``.
    """
    staged = context.temp / f"{table.name}-{load.load_id}.staged.parquet"
    _copy(con, _stage(con, query, table, load), staged)
    rows, days = con.execute(
        f"select count(*), coalesce(list(distinct _day), []) from {_scan(staged)}"
    ).fetchall()[0]
    quarantine = _refused_cells(con, staged, table, load)
    if rows:
        _cut(con, staged, table=table, load=load, out=out)
    staged.unlink()
    return Written(rows, frozenset(days) if table.day_from else frozenset(), quarantine)


def refuse(
    load: Load,
    refusals: Sequence[tuple[int, str, str, str, str | None]],
    *,
    day: date | None = None,
) -> pl.DataFrame:
    """Return quarantine rows for what never became a bronze row.

    Args:
        load: The load.
        refusals: (row number, 0 for the whole file; rule; severity; reason; record as JSON of
            mapped fields or None).
        day: The day they belong to, where one is known.
    """
    return pl.DataFrame(
        [
            (load.source, rule, reason, severity, day, load.load_id, load.sha256, row, record)
            for row, rule, severity, reason, record in refusals
        ],
        schema=QUARANTINE_SCHEMA,
        orient="row",
    )


def _stage(con: duckdb.DuckDBPyConnection, query: str, table: Table, load: Load) -> str:
    given = {column for column, *_ in con.execute(f"describe {query}").fetchall()}
    columns = [
        f"{identifier(name)}::{kind} as {identifier(name)}" for name, kind in table.columns.items()
    ]
    rounded = "_rounded" if "_rounded" in given else "null"
    day = "null"
    if table.day_from:
        day = f"coalesce({identifier(table.day_from)}::date, {quoted(UNDATED)}::date)"
    return f"""
        select
            {", ".join(columns)},
            {quoted(load.load_id)} as _load_id,
            {quoted(load.sha256)} as _source_file,
            _source_row::bigint as _source_row,
            _rejected::varchar as _rejected,
            {rounded}::varchar as _rounded,
            {day}::date as _day
        from ({query})
    """


def _cut(
    con: duckdb.DuckDBPyConnection, staged: Path, *, table: Table, load: Load, out: Path
) -> None:
    """Copy the staged rows to one file a day, in the order of the source's records."""
    columns = ", ".join(identifier(name) for name in table.all_columns)
    folder = out / table.name
    if table.day_from is None:
        folder.mkdir(parents=True, exist_ok=True)
        query = f"select {columns} from {_scan(staged)} order by _source_row"
        _copy(con, query, folder / f"{load.load_id}.parquet")
        return
    days = [
        row[0]
        for row in con.execute(f"select distinct _day from {_scan(staged)} order by 1").fetchall()
    ]
    source = staged
    if len(days) > _FEW_DAYS or not _is_in_order(con, staged):
        source = staged.with_suffix(".sorted.parquet")
        _copy(con, f"select * from {_scan(staged)} order by _day, _source_row", source)
    for day in days:
        of_day = folder / f"day={day:%Y-%m-%d}"
        of_day.mkdir(parents=True, exist_ok=True)
        query = f"select {columns} from {_scan(source)} where _day = {quoted(day)}::date"
        _copy(con, query, of_day / f"{load.load_id}.parquet")
    if source != staged:
        source.unlink()


def _is_in_order(con: duckdb.DuckDBPyConnection, staged: Path) -> bool:
    row = con.execute(
        f"""
        select coalesce(bool_and(_source_row >= previous), true)
        from (select _source_row, lag(_source_row) over () as previous from {_scan(staged)})
        """
    ).fetchone()
    return bool(row and row[0])


def _scan(path: Path) -> str:
    return f"read_parquet({quoted(path)})"


def _copy(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    con.execute(
        f"copy ({query}) to {quoted(target)}"
        f" (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
    )


def _refused_cells(
    con: duckdb.DuckDBPyConnection, staged: Path, table: Table, load: Load
) -> pl.DataFrame:
    """Return a quarantine row for each cell that was refused (critical) or rounded (warning)."""
    words = {
        name: cells.kind(cells.OBJECT if kind == "VARCHAR" else kind)
        for name, kind in table.columns.items()
    }
    whens = " ".join(f"when {quoted(name)} then {quoted(word)}" for name, word in words.items())
    # an attribute that is lost moves no figure: only typed columns are critical
    typed = [quoted(name) for name, kind in table.columns.items() if kind != "VARCHAR"]
    is_critical = f"rule = 'bad_value' and list_contains([{', '.join(typed)}]::varchar[], cell.key)"
    # as text: JSON numbers are doubles
    record = ", ".join(f"{quoted(name)}, {identifier(name)}::varchar" for name in table.columns)
    return con.execute(
        f"""
        with

        findings as (

            select
                *,
                'bad_value' as rule,
                unnest(map_entries(_rejected::json::map(varchar, varchar))) as cell
            from {_scan(staged)}
            where _rejected is not null

            union all

            select
                *,
                'precision' as rule,
                unnest(map_entries(_rounded::json::map(varchar, varchar))) as cell
            from {_scan(staged)}
            where _rounded is not null

        )

        select
            {quoted(load.source)} as source,
            rule,
            case rule
                when 'bad_value' then concat(
                    cell.key, ': "', left(cell.value, 80), '" is not ', case cell.key {whens} end
                )
                else concat(
                    cell.key, ': "', left(cell.value, 80), '" has more than {cells.SCALE}',
                    ' decimals; it was rounded half away from zero'
                )
            end as reason,
            if({is_critical}, 'critical', 'warning') as severity,
            nullif(_day, {quoted(UNDATED)}::date) as day,
            _load_id,
            _source_file,
            _source_row,
            -- merging an empty object leaves out what is null
            json_merge_patch(
                '{{}}', json_object({record}), coalesce(_rejected, '{{}}')
            )::varchar as record

        from findings

        order by _source_row, rule, cell.key
        """
    ).pl()
