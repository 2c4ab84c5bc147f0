"""Pages of JSON that hold a list of records (Zendesk, Jira) → a relation of records."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import duckdb

from roi_engine.sources import refusals
from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import json_path

MAX_PAGE_BYTES = 512 * 1024 * 1024
"""A page is read whole; the systems' own pages hold at most 1,000 tickets."""

_LEAST = 16 * 1024 * 1024


def read(con: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, key: str, vendor: str) -> str:
    """Open files of one or more pages each; return SQL to stand after ``from``.

    It has ``record`` (JSON, one element of the list under ``key``), ``_file`` (the number of its
    file, from 1) and ``_source_row``, the record's number in the file. The table ``pages`` has
    ``page`` (the JSON around the records) and ``_file``.

    Raises:
        Unreadable: A file is no JSON, is cut, or holds no such list.
    """
    size = max(path.stat().st_size for path in paths)
    names = f"[{', '.join(map(quoted, paths))}]"
    records = quoted(json_path(key))
    if size > MAX_PAGE_BYTES:
        raise Unreadable(
            f"The page is larger than {MAX_PAGE_BYTES >> 20} MiB: export pages of 1,000 records."
        )
    try:
        con.execute(
            f"""
            create or replace temp table pages as
            select page, list_position({names}, path) as _file
            from read_json_objects(
                {names},
                format = 'auto',
                filename = true,
                maximum_object_size = {max(size + 1, _LEAST)}
            ) as read (page, path)
            """
        )
    except duckdb.Error as error:
        raise Unreadable(
            f"The file is no whole JSON ({refusals.problem(error)}): fetch it again."
        ) from error
    found = con.execute(
        f"""
        select
            _file,
            bool_and(coalesce(json_type(page, {records}) = 'ARRAY', false)),
            sum(json_array_length(page, {records}))::bigint
        from pages
        group by 1
        order by 1
        """
    ).fetchall()
    if len(found) < len(paths) or not all(is_list for _, is_list, _ in found):
        raise Unreadable(
            f"The file is JSON, but no page of {vendor}: it has no list {key!r}. Was it an error"
            " message?"
        )
    before = list(accumulate((count for *_, count in found), initial=0))
    return f"""(
        select record, _file, row_number() over () - {before}[_file] as _source_row
        from (select _file, unnest((page -> {records})::json[]) as record from pages)
    )"""
