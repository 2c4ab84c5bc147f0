"""What readers see: the exported release, never the lake that a run is writing."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile
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
    of one folder, the connection keeps its release even while the next one is published. What
    is asked sees that folder and nothing else of the machine, whoever wrote the query.
    """
    with _opened(release_folder(root), threads=threads) as (con, folder):
        listed = str(folder).replace("'", "''")
        con.execute(f"set allowed_directories = ['{listed}']")
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        yield con


@contextmanager
def _opened(folder: Path, *, threads: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
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
        yield con, folder
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
    with _opened(release_folder(root), threads=1) as (con, folder):
        for schema, table in tables(folder):
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement answered; ``title`` is the comment that it begins with."""

    title: str
    names: list[str]
    rows: list[tuple[object, ...]]


def answers(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[Answer]:
    """Run the statements of a query, and yield what each that answers with rows has to say.

    Raises:
        duckdb.Error: A statement cannot be run; the answers before it have been given.
    """
    for statement in con.extract_statements(query):
        if not _only_reads(statement):
            message = "A release is only read: `roi export` writes its tables to files."
            raise duckdb.PermissionException(message)
        answer = con.execute(statement)
        if duckdb.ExpectedResultType.QUERY_RESULT in statement.expected_result_type:
            names = [column[0] for column in answer.description or []]
            yield Answer(_title(statement.query), names, answer.fetchall())


def _only_reads(statement: duckdb.Statement) -> bool:
    """Return whether a statement leaves the release's folder, which is open to it, as it is."""
    kind = duckdb.StatementType
    if statement.type == kind.EXPLAIN:  # EXPLAIN ANALYZE does what it explains
        return not re.search(r"\bcopy\b", statement.query, re.IGNORECASE)
    # what a query makes for itself is in memory: a macro, a variable, the type of a PIVOT
    return statement.type in (kind.SELECT, kind.CREATE, kind.DROP, kind.INSERT, kind.SET, kind.CALL)


def _title(statement: str) -> str:
    r"""Return the comment lines that a statement begins with, as one line.

    >>> _title(" -- What did it cost,\n-- and why?\nselect 1 -- one")
    'What did it cost, and why?'
    """
    lines = (line.strip() for line in statement.strip().splitlines())
    return " ".join(line.lstrip("- ") for line in takewhile(lambda line: line[:2] == "--", lines))


def plain(value: object) -> str:
    """Return a cell as a person reads it: decimals in full, nothing for what is not known.

    >>> plain(Decimal("0E-9")), plain([Decimal("-8.29E-7")]), plain(None)
    ('0.000000000', '[-0.000000829]', '')
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    return "" if value is None else str(value)


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
    return json.loads(json.dumps(value, default=plain))
