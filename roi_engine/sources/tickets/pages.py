"""Pages of JSON that hold a list of records (Zendesk, Jira) → a relation of records."""

from pathlib import Path

import duckdb

from roi_engine.sources import refusals
from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import json_path

MAX_PAGE_BYTES = 512 * 1024 * 1024
"""A page is read whole; the systems' own pages hold at most 1,000 tickets."""

_LEAST = 16 * 1024 * 1024


def read(con: duckdb.DuckDBPyConnection, path: Path, *, key: str, vendor: str) -> str:
    """Open a file of one or more pages; return SQL to stand after ``from``.

    It has ``record`` (JSON, one element of the list under ``key``), ``page`` (the JSON around
    it) and ``_source_row``, the record's number in the file.

    Raises:
        Unreadable: The file is no JSON, is cut, or holds no such list.
    """
    size = path.stat().st_size
    if size > MAX_PAGE_BYTES:
        raise Unreadable(
            f"The page is larger than {MAX_PAGE_BYTES >> 20} MiB: export pages of 1,000 records."
        )
    try:
        con.execute(
            f"""
            create or replace temp table pages as
            from read_json_objects(
                {quoted(path)}, format = 'auto', maximum_object_size = {max(size + 1, _LEAST)}
            ) as read (page)
            """
        )
    except duckdb.Error as error:
        raise Unreadable(
            f"The file is no whole JSON ({refusals.problem(error)}): fetch it again."
        ) from error
    kinds = con.execute(
        f"select distinct coalesce(json_type(page, {quoted(json_path(key))}), 'missing') from pages"
    ).fetchall()
    if kinds != [("ARRAY",)]:
        raise Unreadable(
            f"The file is JSON, but no page of {vendor}: it has no list {key!r}. Was it an error"
            " message?"
        )
    return f"""(
        select page, record, row_number() over () as _source_row
        from (select page, unnest((page -> {quoted(json_path(key))})::json[]) as record from pages)
    )"""
