"""Persons: their ids leave parsing as keyed hashes, so that equal stays equal and no more."""

import hashlib
import hmac

import duckdb
import polars as pl

from roi_engine.sources.base import Context
from roi_engine.sources.files import quoted

KEYED = "keyed_people"
"""The temporary table of ``(id, hash)`` that ``hash_ids`` makes."""


def keyed_hash(person: str, *, system: str, key: bytes) -> str:
    """Return the HMAC-SHA256 of a person's id in a system, as hex.

    The system is part of it: number 7 of one system is not number 7 of another.

    Examples:
        >>> keyed_hash("7", system="zendesk", key=b"secret")[:16]
        '03bf567535b9b208'
        >>> keyed_hash("7", system="jira", key=b"secret")[:16]
        'ea8c7cffd268e366'
    """
    return hmac.new(key, f"{system}:{person}".encode(), hashlib.sha256).hexdigest()


def hash_ids(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    columns: list[str],
    *,
    system: str,
    context: Context,
) -> None:
    """Make the table ``KEYED``: each distinct id in ``columns`` of ``relation``, and its hash."""
    ids = " union ".join(f"select {column} as id from {relation}" for column in columns)
    found = con.execute(f"from ({ids}) where id is not null").fetchall()
    hashes = [keyed_hash(one, system=system, key=context.hmac_key) for (one,) in found]
    # by a file: handing DuckDB a frame makes it import pandas, which takes seconds
    exchanged = context.temp / f"{KEYED}.parquet"
    pl.DataFrame(
        {"id": [one for (one,) in found], "hash": hashes},
        schema={"id": pl.String, "hash": pl.String},
    ).write_parquet(exchanged)
    con.execute(f"create or replace temp table {KEYED} as from read_parquet({quoted(exchanged)})")
    exchanged.unlink()
