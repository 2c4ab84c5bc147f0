"""Typed columns → the Parquet files of a load, one a day, and the rows that were refused.

Memory stays bounded whatever the file's size: rows are typed once into a temporary table, which
DuckDB puts on the disk where memory ends, and cut into days from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from roi_engine.sources import cells
from roi_engine.sources.base import QUARANTINE_SCHEMA, Load
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.schema import UNDATED, Table

_ROW_GROUP = 40_960
_FEW_DAYS = 6
"""Up to so many days of a file it is cheaper to look through its rows once a day than to sort."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one table of a load became."""

    rows: int
    days: frozenset[date]
    quarantine: pl.DataFrame


def write(
    con: duckdb.DuckDBPyConnection, query: str, *, table: Table, load: Load, out: Path
) -> Written:
    """Write the rows of ``query`` as bronze and collect what is wrong with their cells.

    Files are ``out/TABLE/day=YYYY-MM-DD/LOAD.parquet``, or ``out/TABLE/LOAD.parquet`` for a
    reference table; columns as in ``table.all_columns``, rows in the order of ``_source_row``.
    A row whose ``day_from`` is NULL lies on ``UNDATED``.

    Args:
        con: From ``files.connect``.
        query: Columns of ``table`` by name, ``_source_row``, ``_rejected`` and ``_rounded``;
            ``cells.typed`` makes such a query.
        table: The bronze table.
        load: Whose rows these are.
        out: The parser's ``out``.
    """
    (written,) = write_each(
        con, f"select *, 1 as _file from ({query})", table=table, files=[(load, out)]
    )
    return written


def write_each(
    con: duckdb.DuckDBPyConnection,
    query: str,
    *,
    table: Table,
    files: Sequence[tuple[Load, Path]],
    aside: Sequence[str] = (),
) -> list[Written]:
    """Write the rows of several files of one kind; see ``write``.

    Args:
        con: From ``files.connect``.
        query: As for ``write``, with ``_file``, the number in ``files`` (from 1) of a row's file;
            a row without one is not written.
        table: The bronze table.
        files: Each file's load, and where its rows go.
        aside: More columns of ``query``: where some are named, the temporary table
            ``staged_TABLE`` stays, with them and all rows.
    """
    staged = f"staged_{table.name}"
    con.execute(f"create or replace temp table {staged} as {_staged(query, table, aside)}")
    cuts = con.execute(
        f"""
        select _file, _day, count(*), count(_rejected) + count(_rounded)
        from {staged}
        where _file is not null
        group by all
        order by all
        """
    ).fetchall()
    days = [frozenset(cut[1] for cut in cuts if cut[0] == one + 1) for one in range(len(files))]
    source = staged
    if max(map(len, days)) > _FEW_DAYS or not _is_in_order(con, staged):
        source = "sorted"
        con.execute(
            f"create or replace temp table sorted as from {staged}"
            " order by _file, _day, _source_row"
        )
    for file, day, *_ in cuts:
        load, out = files[file - 1]
        _cut(con, source, file, day, table=table, load=load, out=out)
    refused = pl.DataFrame(schema=QUARANTINE_SCHEMA)
    if any(findings for *_, findings in cuts):
        refused = _refused_cells(con, staged, table, [load for load, _ in files])
    con.execute("drop table if exists sorted")
    if not aside:
        con.execute(f"drop table {staged}")
    return [
        Written(
            sum(cut[2] for cut in cuts if cut[0] == number),
            days[number - 1] if table.day_from else frozenset(),
            refused.filter(pl.col("_load_id") == load.load_id),
        )
        for number, (load, _) in enumerate(files, start=1)
    ]


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


def _staged(query: str, table: Table, aside: Sequence[str]) -> str:
    columns = [
        f"{identifier(name)}::{kind} as {identifier(name)}" for name, kind in table.columns.items()
    ]
    day = "null"
    if table.day_from:
        day = f"coalesce({identifier(table.day_from)}::date, {quoted(UNDATED)}::date)"
    return f"""
        select
            {", ".join(columns)},
            _source_row::bigint as _source_row,
            _rejected::varchar as _rejected,
            _rounded::varchar as _rounded,
            _file::int as _file,
            {", ".join([f"{day}::date as _day", *aside])}
        from ({query})
    """


def _is_in_order(con: duckdb.DuckDBPyConnection, staged: str) -> bool:
    row = con.execute(
        f"""
        select coalesce(bool_and(
            _file > previous_file or (_file = previous_file and _source_row >= previous_row)
        ), true)
        from (
            select
                _file,
                _source_row,
                lag(_file) over () as previous_file,
                lag(_source_row) over () as previous_row
            from {staged}
            where _file is not null
        )
        """
    ).fetchone()
    return bool(row and row[0])


def _cut(
    con: duckdb.DuckDBPyConnection,
    source: str,
    file: int,
    day: date | None,
    *,
    table: Table,
    load: Load,
    out: Path,
) -> None:
    """Copy one file's staged rows of a day, in the order of the source's records."""
    folder = out / table.name
    if day is not None:
        folder /= f"day={day:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    own = {"_load_id": quoted(load.load_id), "_source_file": quoted(load.sha256)}
    columns = ", ".join(
        f"{own.get(name, identifier(name))} as {identifier(name)}" for name in table.all_columns
    )
    is_its = f"_file = {file}" + (f" and _day = {quoted(day)}::date" if day is not None else "")
    con.execute(
        f"copy (select {columns} from {source} where {is_its})"
        f" to {quoted(folder / f'{load.load_id}.parquet')}"
        f" (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
    )


def _refused_cells(
    con: duckdb.DuckDBPyConnection, staged: str, table: Table, loads: Sequence[Load]
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
            from {staged}
            where _rejected is not null and _file is not null

            union all

            select
                *,
                'precision' as rule,
                unnest(map_entries(_rounded::json::map(varchar, varchar))) as cell
            from {staged}
            where _rounded is not null and _file is not null

        )

        select
            {quoted(table.source)} as source,
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
            [{", ".join(quoted(load.load_id) for load in loads)}][_file] as _load_id,
            [{", ".join(quoted(load.sha256) for load in loads)}][_file] as _source_file,
            _source_row,
            -- merging an empty object leaves out what is null
            json_merge_patch(
                '{{}}', json_object({record}), coalesce(_rejected, '{{}}')
            )::varchar as record

        from findings

        order by _file, _source_row, rule, cell.key
        """
    ).pl()
