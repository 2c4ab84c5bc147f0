"""Langfuse observations: ClickHouse's table ``observations``, or the scheduled blob export of it.

Parquet or JSON lines, an observation a row. Attributes of a span stand in ``metadata``: as JSON
texts under ``attributes`` and ``resourceAttributes``, in the enriched export as keys that begin
with these words, and an SDK's own metadata as plain keys. Usage is in ``buckets``.

Prompts, answers, users and messages of errors are not read.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from roi_engine.sources import cells, refusals
from roi_engine.sources.base import Context, Load, MissingColumn, Unreadable
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.mapped import first, place
from roi_engine.sources.schema import SPANS
from roi_engine.sources.tokens import buckets, fields
from roi_engine.sources.tokens.records import Cell, Records, text_cells

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A row that keeps its prompts is long; the reader's buffers grow with this."""

_REQUIRED = ("id", "trace_id", "type", "start_time", "usage_details")
_MAPS = ("metadata", "usage_details")
_MAPPABLE = (
    "name",
    "environment",
    "version",
    "release",
    "session_id",
    "trace_name",
    "prompt_name",
)
"""Columns that a mapping may name, beside keys of the metadata."""

_TEXTS = (
    *("id", "trace_id", "project_id", "type", "parent_observation_id", "start_time", "end_time"),
    *("completion_start_time", "level", "provided_model_name", "model_parameters", "total_cost"),
    *("event_ts", "updated_at", "is_deleted"),
    *_MAPPABLE,
)
"""Columns that are read, whatever else a file has."""

_OPERATIONS = {
    "GENERATION": "chat",
    "EMBEDDING": "embeddings",
    "TOOL": "execute_tool",
    "RETRIEVER": "retrieval",
    "AGENT": "invoke_agent",
}
_PRICED = ("GENERATION", "EMBEDDING")
_WRAPPER = "invoke_workflow"
"""SPAN, CHAIN, EVENT and what else there is: kept for the tree, counted in no sum."""

_OLDER_OPERATIONS = {"completion": "text_completion", "generate": "generate_content"}


def read(con: duckdb.DuckDBPyConnection, path: Path, *, load: Load, context: Context) -> Records:
    """Open a file of observations; mapped paths are keys of its metadata, or its own columns.

    Of several versions of one observation in a file the one with the newest ``event_ts`` counts,
    as in ClickHouse itself, and none if that one is deleted.

    Raises:
        Unreadable: The file is damaged, holds a column of a wrong kind or a line that is longer
            than ``MAX_LINE_BYTES``, or no line of it is an observation.
        MissingColumn: It has no id, trace, type, start or usage.
    """
    wanted: list[str] = []
    texts = _span_texts(fields.paths(context.mapped(load.source, load.system)), _reader(wanted))
    zone = context.timezones.get(load.system, "UTC")
    rows = _parquet_rows(con, path) if _is_parquet(path) else _json_rows(path)
    try:
        con.execute(f"create temp table items as {_items(rows, texts, wanted, zone)}")
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" not in str(error):
            raise
        raise Unreadable(
            f"A line is longer than {MAX_LINE_BYTES >> 20} MiB: export without input and output."
        ) from error
    found = con.execute("select count(*), count(*) filter (where reason is null) from items")
    items, whole = found.fetchone() or (0, 0)
    if items and not whole and not _is_parquet(path):
        raise Unreadable(
            "No line of the file is a Langfuse observation with id, trace_id, type and start_time:"
            " export observations (not traces or scores) as Parquet or JSONL."
        )
    return Records(
        spans="(from items where reason is null and is_current)",
        span_cells=text_cells(SPANS, {column: column for column in texts}, zone=zone)
        | {"time_to_first_token_us": _time_to_first_token(zone)},
        refused="(from items where reason is not null)",
    )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _parquet_rows(con: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Return a query of the columns that are read, all of them text or maps of texts."""
    # ClickHouse before 24.3 did not say that its strings are text
    relation = (
        f"read_parquet({quoted(path)}, binary_as_string = true, file_row_number = true,"
        " hive_partitioning = false)"
    )
    try:
        described = con.execute(f"describe from {relation}").fetchall()
    except duckdb.Error as error:
        raise Unreadable(
            f"The Parquet file is damaged ({refusals.problem(error)}): fetch it again."
        ) from error
    types = {name: kind for name, kind, *_ in described}
    missing = [name for name in _REQUIRED if name not in types]
    if missing:
        raise MissingColumn(
            f"The Parquet file has no column {', '.join(missing)}: is it of Langfuse observations"
            " (not of traces or scores), with the field group usage?"
        )
    texts = [
        f"{identifier(name)}::varchar as {name}" if name in types else f"null::varchar as {name}"
        for name in _TEXTS
    ]
    maps = [
        f"{_map(name, types[name]) if name in types else 'null'}::map(varchar, varchar) as {name}"
        for name in _MAPS
    ]
    return (
        f"select file_row_number + 1 as _source_row, {', '.join([*texts, *maps])},"
        f" {_is_no_object('usage_details', types['usage_details'])} as is_usage_lost"
        f" from {relation}"
    )


def _map(name: str, kind: str) -> str:
    """Return SQL of a column as map of texts, whoever wrote it."""
    if kind.startswith("MAP("):
        return identifier(name)
    if kind.startswith("STRUCT("):
        return f"to_json({identifier(name)})"
    if kind in ("VARCHAR", "JSON"):
        return f"try_cast(try_cast({identifier(name)} as json) as map(varchar, varchar))"
    raise Unreadable(
        f"The column {name} is {kind}, not names with values: export it as ClickHouse does."
    )


def _is_no_object(name: str, kind: str) -> str:
    column = identifier(name)
    if kind not in ("VARCHAR", "JSON"):
        return "false"
    return (
        f"({column} is not null"
        f" and coalesce(json_type(try_cast({column} as json)), '') not in ('OBJECT', 'NULL'))"
    )


def _json_rows(path: Path) -> str:
    """Return the same query over JSON lines; a line that is no JSON has no column."""
    paths = ", ".join(quoted(f"$.{name}") for name in _TEXTS)
    texts = ", ".join(f"found[{number}] as {name}" for number, name in enumerate(_TEXTS, start=1))
    maps = ", ".join(
        f"try_cast(json_extract(line, '$.{name}') as map(varchar, varchar)) as {name}"
        for name in _MAPS
    )
    return f"""
        select
            _source_row,
            {texts},
            {maps},
            coalesce(json_type(line, '$.usage_details'), 'NULL') not in ('OBJECT', 'NULL')
                as is_usage_lost

        from (

            select
                row_number() over () as _source_row,
                line,
                json_extract_string(line, [{paths}]) as found

            from read_ndjson_objects(
                {quoted(path)}, ignore_errors = true, maximum_object_size = {MAX_LINE_BYTES}
            ) as read (line)

        )
    """


def _items(rows: str, texts: Mapping[str, str], wanted: list[str], zone: str) -> str:
    """Return a query: one row an observation, every column of bronze text."""
    columns = ",\n            ".join(f"{text} as {column}" for column, text in texts.items())
    paths = ", ".join(quoted('$."' + name.replace('"', "") + '"') for name in wanted)
    blanks = ", ".join(f"nullif({name}, '') as {name}" for name in _TEXTS)
    newest = ", ".join(
        f"{cells.cast(name, 'TIMESTAMP', zone=zone)} desc nulls last"
        for name in ("event_ts", "updated_at")
    )
    is_deleted = "coalesce(lower(is_deleted) in ('1', 'true'), false)"
    return f"""
        with

        rows as (

            select * replace ({blanks}) from ({rows})

        ),

        found as (

            select
                *,
                {buckets.input_count()} as input_count,
                {buckets.output_count()} as output_count,
                case
                    when id is null or trace_id is null or type is null or start_time is null
                        then concat(
                            'row ', _source_row,
                            ' is no whole observation with id, trace_id, type and start_time'
                        )
                    when is_usage_lost
                        then concat('usage_details of row ', _source_row, ' is no object')
                end as reason,
                -- what the span says itself stands before what its resource says
                json_extract_string(
                    json_merge_patch(
                        {_object("metadata", "resourceAttributes")},
                        {_object("metadata", "attributes")},
                        coalesce(to_json(metadata), '{{}}')
                    ),
                    [{paths}]
                ) as found

            from rows

        )

        select
            _source_row,
            reason,
            not {is_deleted}
            and row_number() over (
                partition by reason, project_id, id
                order by {newest}, {is_deleted} desc, _source_row desc
            ) = 1 as is_current,
            completion_start_time as first_token_at,
            {columns}

        from found
    """


def _object(column: str, *keys: str) -> str:
    """Return SQL of the JSON object in a column's text (or at a map's key), else an empty one."""
    text = column + "".join(f"[{quoted(key)}]" for key in keys)
    is_object = f"json_type(try_cast({text} as json)) = 'OBJECT'"
    return f"case when {is_object} then try_cast({text} as json) else '{{}}' end"


def _reader(wanted: list[str]) -> Callable[[str], str]:
    """Return a function: name of an attribute → SQL of its text; it notes what it was asked."""

    def extracted(name: str) -> str:
        if name not in wanted:
            wanted.append(name)
        return f"found[{wanted.index(name) + 1}]"

    def attribute(name: str) -> str:
        places = (name, f"attributes.{name}", f"resourceAttributes.{name}")
        return first([*map(extracted, places), *([name] if name in _MAPPABLE else [])])

    return attribute


def _span_texts(mapped: Mapping[str, str], attribute: Callable[[str], str]) -> dict[str, str]:
    """Return SQL of the text of each span column: a mapping, an attribute, or Langfuse's own."""
    texts = fields.span_texts(mapped, attribute)

    def otherwise(column: str, own: str) -> str:
        return first([*([texts[column]] if column in texts else []), own])

    def counted(column: str, own: str) -> str:
        """A count is the usage's: the span's own attributes say it by other rules."""
        return first([*([place(mapped[column], attribute)] if column in mapped else []), own])

    counts = {"input_tokens": "input_count", "output_tokens": "output_count", **buckets.parts()}
    scope = f"json_extract_string({_object('metadata', 'scope')}, '$.name')"
    tier = f"json_extract_string({_object('model_parameters')}, '$.service_tier')"
    is_error = f"coalesce(level = 'ERROR', false) or {texts['error_type']} is not null"
    return texts | {
        "system": "'langfuse'",
        "trace_id": "trace_id",
        "span_id": "id",
        "parent_span_id": "parent_observation_id",
        "scope_name": first([attribute("scope.name"), scope]),
        "operation": _operation(texts["operation"]),
        # Langfuse keeps one name of a model: the answer's, else the request's
        "response_model": otherwise(
            "response_model", f"nullif(provided_model_name, {texts['request_model']})"
        ),
        "conversation_id": otherwise("conversation_id", "session_id"),
        "tool_name": otherwise("tool_name", "case when type = 'TOOL' then name end"),
        "tier": otherwise("tier", fields.tier(tier)),
        "is_error": f"({is_error})::varchar",
        **{column: counted(column, own) for column, own in counts.items()},
        "input_includes_cache": counted(
            "input_includes_cache", buckets.includes_cache("input_count", "output_count")
        ),
        # 0 stands for a model without a price, too
        "logged_cost": otherwise(
            "logged_cost",
            f"case when type in ({', '.join(map(quoted, _PRICED))})"
            " and coalesce(try_cast(total_cost as double) <> 0, true) then total_cost end",
        ),
        "started_at": "start_time",
        "ended_at": "end_time",
    }


def _operation(said: str) -> str:
    older = " ".join(
        f"when {quoted(word)} then {quoted(ours)}" for word, ours in _OLDER_OPERATIONS.items()
    )
    types = " ".join(
        f"when {quoted(kind)} then {quoted(ours)}" for kind, ours in _OPERATIONS.items()
    )
    return (
        f"coalesce(case {said} {older} else {said} end,"
        f" case type {types} else {quoted(_WRAPPER)} end)"
    )


def _time_to_first_token(zone: str) -> Cell:
    """What an attribute says, else the time from the start to the first token."""
    start, token = (
        cells.cast(name, "TIMESTAMP", zone=zone) for name in ("started_at", "first_token_at")
    )
    said = "time_to_first_token_us"
    return Cell(
        f"coalesce({cells.cast(said, 'BIGINT')}, epoch_us({token}) - epoch_us({start}))", said
    )
