"""Bronze files: where they lie, and which of them one run reads.

A run opens the files of the loads that count, on the days that it reads, and no others: what it
costs does not grow with the history that it leaves alone.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from roi_engine.sources import schema
from roi_engine.sources.files import quoted
from roi_engine.sources.schema import UNDATED, Table

SHOWN = "draft.bronze"
"""Schema of the draft in which dbt finds a view of each table while it runs."""

NO_LOAD = "empty"
"""Stands for a load in the name of each table's file without rows, which has its columns."""


@dataclass(frozen=True, slots=True)
class File:
    """One bronze file: its table, its day (None for reference) and where it lies."""

    table: Table
    day: date | None
    path: Path


def find_files(
    root: Path, days: Mapping[str, Collection[date]], loads: Collection[str]
) -> list[File]:
    """Return the bronze files of some loads and days, and those of reference tables.

    Only the folders of the wanted days are listed, so a lake of ten years costs what is asked
    for. The order is fixed: by table, then day, then load.

    Args:
        root: The folder ``bronze`` of the lake.
        days: Source, or name of a table that has days of its own → the days wanted of it.
        loads: The loads that count.
    """
    wanted = frozenset(loads)
    files = []
    for table in schema.TABLES:
        for day, folder in _folders(root, table, days):
            for path in sorted(folder.glob(f"{table.name}-*.parquet")):
                name, _, load = path.stem.rpartition("-")
                if load in wanted and name == table.name:
                    files.append(File(table, day, path))
    return files


def _folders(
    root: Path, table: Table, days: Mapping[str, Collection[date]]
) -> Iterable[tuple[date | None, Path]]:
    home = root / table.source
    if table.day_from is None:
        return [(None, home)]
    return [
        (day, home / f"day={day.isoformat()}")
        for day in sorted(days.get(table.name, days.get(table.source, ())))
    ]


def day_of(column: str, timezone: str) -> str:
    """Return the SQL of the reporting day of an instant, as dbt's macro ``reporting_day`` has it.

    >>> day_of("started_at", "Asia/Tokyo")
    "cast(timezone('Asia/Tokyo', timezone('UTC', started_at)) as date)"
    """
    return f"cast(timezone({quoted(timezone)}, timezone('UTC', {column})) as date)"


def scan(paths: Iterable[Path], *, by_day: bool) -> str:
    """Return the query of all rows of files, a column for each that any of them has."""
    listed = ", ".join(quoted(path) for path in paths)
    hive = ", hive_partitioning = true, hive_types = {'day': 'DATE'}" if by_day else ""
    return f"select * from read_parquet([{listed}], union_by_name = true{hive})"


def show(
    con: duckdb.DuckDBPyConnection,
    root: Path,
    days: Mapping[str, Collection[date]],
    loads: Collection[str],
) -> None:
    """Make a view of each table over its files of some loads and days, in the open draft.

    dbt's sources name these views (``roi_engine.dbt.sources_yaml``); ``hide`` ends them.

    Args:
        con: A connection with the draft open.
        root: The folder ``bronze`` of the lake, made by ``landing.prepare``.
        days: Source, or name of a table that has days of its own → the days that are read of it.
        loads: The loads that count.
    """
    files = find_files(root.resolve(), days, loads)
    con.execute(f"create schema if not exists {SHOWN}")
    for table in schema.TABLES:
        paths = [_empty(root.resolve(), table), *(f.path for f in files if f.table is table)]
        query = scan(paths, by_day=table.day_from is not None)
        con.execute(f"create or replace view {SHOWN}.{table.name} as {query}")


def hide(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what ``show`` made."""
    con.execute(f"drop schema if exists {SHOWN} cascade")


def _empty(root: Path, table: Table) -> Path:
    folder = root / table.source
    if table.day_from is not None:
        folder /= f"day={UNDATED.isoformat()}"
    return folder / f"{table.name}-{NO_LOAD}.parquet"
