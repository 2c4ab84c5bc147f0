"""Flat Parquet: a span a row, columns named like bronze's or like the convention's attributes."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from roi_engine.sources import cells, refusals
from roi_engine.sources.base import Context, Load, MissingColumn, Unreadable
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.mapped import place
from roi_engine.sources.schema import MONEY, SPANS
from roi_engine.sources.tokens import fields
from roi_engine.sources.tokens.records import Cell, Records, nanoseconds

_OTHER_NAMES = {
    "trace_id": ("traceId",),
    "span_id": ("spanId",),
    "parent_span_id": ("parentSpanId",),
    "scope_name": ("otel.scope.name",),
    "started_at": ("start_time_unix_nano", "startTimeUnixNano", "start_time"),
    "ended_at": ("end_time_unix_nano", "endTimeUnixNano", "end_time"),
}
"""Column of ``SPANS`` → what flat exports call it beside the attribute names of ``fields``."""

_REQUIRED = ("trace_id", "span_id", "started_at")
_SIGNED = frozenset(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"])
_WHOLE = _SIGNED | frozenset(f"U{kind}" for kind in _SIGNED)
_FLOATS = frozenset(["DOUBLE", "FLOAT"])
_TIMES = frozenset(["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"])


def read(con: duckdb.DuckDBPyConnection, path: Path, *, load: Load, context: Context) -> Records:
    """Open a flat Parquet file of spans; a column that it does not have is NULL.

    Values keep their types, so nothing goes through text but text. ``_source_row`` is the
    number of the row in the file.

    Raises:
        Unreadable: The file is damaged.
        MissingColumn: It has no trace id, span id or start time.
    """
    relation = f"read_parquet({quoted(path)}, file_row_number = true, hive_partitioning = false)"
    try:
        types = {
            name: kind for name, kind, *_ in con.execute(f"describe from {relation}").fetchall()
        }
    except duckdb.Error as error:
        raise Unreadable(
            f"The Parquet file is damaged ({refusals.problem(error)}): fetch it again."
        ) from error
    columns = _columns(types, fields.paths(context.mapped(load.source, load.system)))
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise MissingColumn(f"The Parquet file has no column {', '.join(missing)}: is it of spans?")
    is_whole = " and ".join(f"{columns[name].text} is not null" for name in _REQUIRED)
    numbered = f"(select *, file_row_number + 1 as _source_row from {relation})"
    return Records(
        spans=f"(from {numbered} where {is_whole})",
        span_cells=columns,
        refused=(
            f"(select _source_row, 'a span has no trace id, span id or start time' as reason"
            f" from {numbered} where not ({is_whole}))"
        ),
    )


def _columns(types: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, Cell]:
    def attribute(name: str) -> str:
        return f"{identifier(name)}::varchar" if name in types else "null::varchar"

    columns = {}
    for column, kind in SPANS.columns.items():
        names = (column, *_OTHER_NAMES.get(column, ()), *fields.PLACES.get(column, ()))
        name = next((name for name in names if name in types), None)
        if column in paths:
            text = f"coalesce({place(paths[column], attribute)}, {attribute(name or '')})"
            columns[column] = Cell(cells.cast(text, kind), text)
        elif name is not None:
            columns[column] = _cell(identifier(name), types[name], kind)
    return columns | _derived(columns, types)


def _derived(columns: Mapping[str, Cell], types: Mapping[str, str]) -> dict[str, Cell]:
    """Return the columns that have a default, or are told from others."""

    def value(column: str) -> str:
        return columns[column].value if column in columns else "null"

    status = "null"
    for name in ("status_code", "status.code"):
        if name in types:
            status = f"{identifier(name)}::varchar in ('2', 'STATUS_CODE_ERROR', 'ERROR')"
    error = f"coalesce({status}, false) or {value('error_type')} is not null"
    scope = f"coalesce({value('scope_name')}, '')"
    derived = {
        "system": Cell("'spans'", "null"),
        "tier": Cell(fields.tier(f"{value('tier')}::varchar"), "null"),
        "is_error": Cell(f"coalesce({value('is_error')}, {error})", "null"),
        "input_includes_cache": Cell(
            f"coalesce({value('input_includes_cache')}, {fields.includes_cache(scope)})", "null"
        ),
    }
    for column, names in fields.SECONDS.items():
        seconds = next((identifier(name) for name in names if name in types), None)
        if column not in columns and seconds is not None:
            derived[column] = Cell(fields.microseconds(seconds), seconds)
    return derived


def _cell(name: str, given: str, wanted: str) -> Cell:
    """Return how a column of type ``given`` is read as ``wanted``, exactly or not at all."""
    if wanted == "TIMESTAMP" and given in _WHOLE:
        return nanoseconds(name)
    is_decimal = given.startswith("DECIMAL")
    is_number = is_decimal or given in _WHOLE | _FLOATS
    whole = f"try_cast({name} as bigint)"
    values = [
        (wanted == "TIMESTAMP" and given in _TIMES, f"{name}::timestamp"),
        (
            wanted == "TIMESTAMP" and given == "TIMESTAMP WITH TIME ZONE",
            f"{name} at time zone 'UTC'",
        ),
        (wanted == "BIGINT" and given in _WHOLE, whole),
        (wanted == "BIGINT" and is_number, f"case when {name} = trunc({name}) then {whole} end"),
        # a float goes through its shortest text, which is what its writer meant
        (wanted == MONEY and is_number and given not in _FLOATS, f"try_cast({name} as {MONEY})"),
        (wanted == "DOUBLE" and is_number, f"case when isfinite({name}::double) then {name} end"),
        (wanted == "BOOLEAN" and given == "BOOLEAN", name),
        (given == "BLOB", f"lower(hex({name}))"),  # ids as bytes
    ]
    value = next((value for is_it, value in values if is_it), None)
    text = f"{name}::varchar"
    return Cell(value, name) if value else Cell(cells.cast(text, wanted), text)
