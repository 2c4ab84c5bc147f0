"""Spend log of a LiteLLM gateway: one row of ``LiteLLM_SpendLogs`` a line, as JSON.

A row is one billed request. LiteLLM counts cached tokens inside ``prompt_tokens``, for every
provider. Users, keys, prompts and answers of the log are not read.
"""

from pathlib import Path

import duckdb

from roi_engine.sources import cells
from roi_engine.sources.base import Context, Load, Unreadable
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import first, json_path, place
from roi_engine.sources.schema import SPANS
from roi_engine.sources.tokens import fields
from roi_engine.sources.tokens.records import Cell, Records, rest_of_writes, text_cells

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A row that keeps its prompts is long; the reader's buffers grow with this."""

_USAGE = "metadata.usage_object"
_PLACES = {
    "trace_id": ("session_id", "request_id"),
    "span_id": ("request_id",),
    "attempt_id": ("request_id",),
    "operation": ("call_type",),
    "provider": ("custom_llm_provider",),
    "request_model": ("model_group",),
    "response_model": ("model",),
    "agent_id": ("agent_id", "metadata.agent_id"),
    "conversation_id": ("session_id",),
    "tool_name": ("mcp_namespaced_tool_name",),
    "tier": (f"{_USAGE}.service_tier",),
    "error_type": ("metadata.error_information.error_class",),
    "input_tokens": ("prompt_tokens",),
    "output_tokens": ("completion_tokens",),
    "cache_read_tokens": (
        f"{_USAGE}.cache_read_input_tokens",
        f"{_USAGE}.prompt_tokens_details.cached_tokens",
        "metadata.additional_usage_values.cache_read_input_tokens",
    ),
    "cache_write_tokens": (
        f"{_USAGE}.cache_creation_input_tokens",
        f"{_USAGE}.prompt_tokens_details.cache_creation_tokens",
        "metadata.additional_usage_values.cache_creation_input_tokens",
    ),
    "cache_write_5m_tokens": (
        f"{_USAGE}.prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens",
    ),
    "cache_write_1h_tokens": (
        f"{_USAGE}.prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",
    ),
    "reasoning_tokens": (f"{_USAGE}.completion_tokens_details.reasoning_tokens",),
    "logged_cost": ("spend",),
    "started_at": ("startTime",),
    "ended_at": ("endTime",),
}
_OPERATIONS = {
    "chat": ("completion", "acompletion", "responses", "aresponses", "anthropic_messages"),
    "text_completion": ("text_completion", "atext_completion"),
    "embeddings": ("embedding", "aembedding"),
    "generate_content": ("generate_content", "agenerate_content", "agenerate_content_stream"),
    "execute_tool": ("call_mcp_tool", "acall_mcp_tool"),
}
FROM_CACHE = "gateway_cache"
"""The operation of a row that the gateway answered from its own cache: nothing was billed."""


def read(con: duckdb.DuckDBPyConnection, path: Path, *, load: Load, context: Context) -> Records:
    """Open a file of spend log rows; mapped paths are dotted paths in the row.

    Raises:
        Unreadable: A line is longer than ``MAX_LINE_BYTES``, or no line is a row of the log.
    """
    paths = fields.paths(context.mapped(load.source, load.system))
    wanted: list[str] = []

    def extracted(name: str) -> str:
        if name not in wanted:
            wanted.append(name)
        return f"found[{wanted.index(name) + 1}]"

    texts = {}
    for column in SPANS.columns:
        found = [place(paths[column], extracted)] if column in paths else []
        found += [extracted(name) for name in _PLACES.get(column, ())]
        if found:
            texts[column] = first(found)
    texts |= {
        "system": "'litellm'",
        "scope_name": "'litellm'",
        "operation": _operation(texts["operation"], extracted("cache_hit")),
        "tier": fields.tier(texts["tier"]),
        "is_error": (
            f"(coalesce(lower({extracted('status')}) = 'failure', false)"
            f" or {texts['error_type']} is not null)::varchar"
        ),
        "input_includes_cache": f"coalesce({texts.get('input_includes_cache', 'null')}, 'true')",
    }
    first_token = extracted("completionStartTime")
    columns = ", ".join(f"{text} as {column}" for column, text in texts.items())
    try:
        con.execute(
            f"""
            create temp table items as
            select _source_row, {columns}, {first_token} as first_token_at
            from ({_rows(path, wanted)})
            """
        )
    except duckdb.InvalidInputException as error:
        if "maximum_object_size" not in str(error):
            raise
        raise Unreadable(
            f"A line is longer than {MAX_LINE_BYTES >> 20} MiB: export without prompts."
        ) from error
    is_row = "span_id is not null and started_at is not null"
    found_rows = con.execute(f"select count(*) filter (where {is_row}) from items").fetchone()
    if found_rows == (0,):
        raise Unreadable("No line of the file is a spend log row with request_id and startTime.")
    zone = context.timezones.get(load.system, "UTC")
    columns_read = text_cells(SPANS, {column: column for column in texts}, zone=zone)
    return Records(
        spans=f"(from items where {is_row})",
        span_cells=rest_of_writes(columns_read)
        | {"time_to_first_token_us": _time_to_first_token(zone)},
        refused=(
            "(select _source_row, concat('line ', _source_row, ' is no whole spend log row with"
            f" request_id and startTime') as reason from items where not ({is_row}))"
        ),
    )


def _rows(path: Path, wanted: list[str]) -> str:
    """Return a query with ``found``: the texts at the wanted dotted paths, each row parsed once."""
    paths = ", ".join(quoted(json_path(name)) for name in wanted)
    # metadata is an object, or (exported straight from the table) a text that holds one
    inner = "json_extract_string(line, '$.metadata')"
    return f"""
        select _source_row, json_extract_string(whole, [{paths}]) as found

        from (

            select
                row_number() over () as _source_row,
                case
                    when json_type(line, '$.metadata') = 'VARCHAR' and json_valid({inner})
                        then json_merge_patch(line, json_object('metadata', {inner}::json))
                    else line
                end as whole

            from read_ndjson_objects(
                {quoted(path)}, ignore_errors = true, maximum_object_size = {MAX_LINE_BYTES}
            ) as read (line)

        )
    """


def _operation(call_type: str, cache_hit: str) -> str:
    whens = " ".join(
        f"when {call_type} in ({', '.join(map(quoted, words))}) then {quoted(operation)}"
        for operation, words in _OPERATIONS.items()
    )
    return (
        f"case when lower({cache_hit}) = 'true' then {quoted(FROM_CACHE)} {whens}"
        f" else {call_type} end"
    )


def _time_to_first_token(zone: str) -> Cell:
    """A call that did not stream has its first token at its end: that is no first token."""
    start, first, end = (
        cells.cast(name, "TIMESTAMP", zone=zone)
        for name in ("started_at", "first_token_at", "ended_at")
    )
    return Cell(f"case when {first} < {end} then epoch_us({first}) - epoch_us({start}) end", "null")
