"""What readers see: the exported release, never the lake that a run is writing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

SCHEMAS = ("facts", "marts", "ops")


class NoRelease(Exception):
    """Nothing has been released yet; the message says how to get there."""


def release_folder(root: Path) -> Path:
    """Return the folder of the current release.

    Raises:
        NoRelease: The lake has none.
    """
    link = root / "release" / "current"
    if not link.exists():
        message = (
            f"There is no release in {root}: make one with `roi run --inbox DIR --lake {root}`."
        )
        raise NoRelease(message)
    return link.resolve()


@contextmanager
def connect(root: Path, *, threads: int = 2) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory DuckDB in which each table of the release is a view.

    A name stands alone (``daily_roi``) and in its schema (``marts.daily_roi``). Reading files
    of one folder, the connection keeps its release even while the next one is published.
    """
    folder = release_folder(root)
    con = duckdb.connect(config={"threads": str(threads), "autoinstall_known_extensions": "false"})
    try:
        con.execute("set timezone = 'UTC'")
        for schema, table in tables(folder):
            files = str(folder / schema / table).replace("'", "''")
            con.execute(f"create schema if not exists {schema}")
            con.execute(
                f"create view {schema}.{table} as from"
                f" read_parquet('{files}/**/*.parquet', hive_partitioning=false)"
            )
            con.execute(f"create view main.{table} as from {schema}.{table}")
        yield con
    finally:
        con.close()


def tables(folder: Path) -> list[tuple[str, str]]:
    """Return (schema, table) of each table of an exported release that has a file."""
    return [
        (schema, path.name)
        for schema in SCHEMAS
        for path in sorted((folder / schema).glob("*"))
        if any(path.rglob("*.parquet"))
    ]


def export(root: Path, to: Path, *, kind: str, facts: bool = False) -> dict[str, int]:
    """Write ``TABLE.csv`` or ``TABLE.parquet`` per table, rows sorted, and return row counts.

    The same release gives the same bytes, whatever made it and in whatever order.
    """
    to.mkdir(parents=True, exist_ok=True)
    written = {}
    options = {"csv": "format csv, header true", "parquet": "format parquet, compression zstd"}
    # one thread, so that the rows of a sorted export are written in their order
    with connect(root, threads=1) as con:
        for schema, table in tables(release_folder(root)):
            if schema == "marts" or (facts and schema == "facts"):
                names = [row[0] for row in con.execute(f"describe {schema}.{table}").fetchall()]
                order = ", ".join(f'"{name}"' for name in names)
                path = str(to / f"{table}.{kind}").replace("'", "''")
                counted = con.execute(
                    f"copy (select * from {schema}.{table} order by {order}) to '{path}'"
                    f" ({options[kind]})"
                ).fetchone()
                written[table] = int(counted[0]) if counted else 0
    return written


def as_text(value: object) -> object:
    """Return what JSON cannot hold as text: decimals in full, dates in ISO.

    >>> as_text(Decimal("0.1000")), as_text(date(2026, 1, 2))
    ('0.1000', '2026-01-02')
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return json.loads(json.dumps(value, default=str))
