"""Records that never became rows: named one by one, up to a number that people can read."""

import re

import duckdb
import polars as pl

from roi_engine.sources import bronze
from roi_engine.sources.base import Load

MAX_NAMED = 1000
"""What is beyond is one row with their number: a file of garbage must not flood quarantine."""


def problem(error: duckdb.Error) -> str:
    """Return what DuckDB says about a file's bytes, without where the file lay meanwhile.

    Examples:
        >>> problem(duckdb.Error('Invalid Input Error: Failed to read file "/tmp/x": no footer'))
        'Failed to read file: no footer'
    """
    line = str(error).splitlines()[0]
    return re.sub(r'(?<=file) "[^"]*"|^[A-Z][A-Za-z ]* Error: ', "", line).strip(" .")


def malformed(con: duckdb.DuckDBPyConnection, relation: str, load: Load) -> pl.DataFrame:
    """Return quarantine rows, rule ``malformed_record``, for the records of ``relation``.

    Args:
        con: From ``files.connect``.
        relation: SQL to stand after ``from``, with ``_source_row`` and ``reason``.
        load: Whose records these are.
    """
    found = con.execute(
        f"select _source_row, reason, count(*) over () from {relation}"
        f" order by _source_row, reason limit {MAX_NAMED}"
    ).fetchall()
    rows: list[tuple[int, str, str, str, str | None]] = [
        (row, "malformed_record", "critical", reason, None) for row, reason, _ in found
    ]
    unnamed = found[0][2] - len(found) if found else 0
    if unnamed:
        reason = f"{unnamed} more records after this one are malformed"
        rows.append((found[-1][0], "malformed_record", "critical", reason, None))
    return bronze.refuse(load, rows)
