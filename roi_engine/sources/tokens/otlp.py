"""OTLP/JSON lines: one TracesData (spans) or LogsData (evaluation events) a line.

The whole nested line is read by one declared type, so that only known places cost time; lines
are flattened once to a table of texts, from which spans, evaluations and refusals are taken.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from roi_engine.sources.base import Context, Load, Unreadable
from roi_engine.sources.files import quoted
from roi_engine.sources.schema import EVALUATIONS, SPANS
from roi_engine.sources.tokens import fields
from roi_engine.sources.tokens.records import Records, nanoseconds, rest_of_writes, text_cells

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Exporters send at most 4 MiB a message by default; the reader's buffers grow with this."""

_VALUE = "struct(stringValue varchar, intValue varchar, doubleValue varchar, boolValue varchar)"
_ATTRIBUTES = f'struct("key" varchar, "value" {_VALUE})[]'
_EVENT = f'struct("name" varchar, timeUnixNano varchar, attributes {_ATTRIBUTES})'
# spans and log records share one type, so that a line of either takes the same way
_ITEM = (
    'struct(traceId varchar, spanId varchar, parentSpanId varchar, "name" varchar,'
    " eventName varchar, startTimeUnixNano varchar, endTimeUnixNano varchar,"
    " timeUnixNano varchar, observedTimeUnixNano varchar,"
    f" status struct(code varchar), attributes {_ATTRIBUTES}, events {_EVENT}[])"
)
_SCOPE = f'struct("scope" struct("name" varchar), spans {_ITEM}[], logRecords {_ITEM}[])'
_RESOURCE = (
    f'struct("resource" struct(attributes {_ATTRIBUTES}), scopeSpans {_SCOPE}[],'
    f" scopeLogs {_SCOPE}[])"
)

_EVALUATION = "gen_ai.evaluation.result"


def read(
    con: duckdb.DuckDBPyConnection,  # noqa: ARG001 - the file is read when it is written
    path: Path,
    *,
    load: Load,
    context: Context,
) -> Records:
    """Flatten a file of OTLP/JSON lines.

    ``_source_row`` of a span is its number in the file, in the order of reading (a line that is
    no record counts as one); a line that was refused is named by its own number (blank lines
    are not counted).

    Raises:
        Unreadable: While the records are written: a line is longer than ``MAX_LINE_BYTES``, or
            no line is OTLP.
    """
    mapped = context.mapped(load.source, load.system)
    spans = _span_texts(mapped)
    reviews = _review_texts(mapped)
    return Records(
        spans=f"({_items(path, spans)})",
        span_cells=rest_of_writes(text_cells(SPANS, {column: column for column in spans}))
        | {"started_at": nanoseconds("started_at"), "ended_at": nanoseconds("ended_at")},
        evaluations=_evaluations(reviews),
        evaluation_cells=text_cells(EVALUATIONS, {column: column for column in reviews})
        | {"reviewed_at": nanoseconds("reviewed_at")},
        refused="(from staged_spans where reason is not null)",
        check=_check,
        aside=("kind", "reason", "reviews", "resource_names", "resource_texts"),
    )


def _check(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("select count(*), count(*) filter (where kind = 'line') from staged_spans")
    items, lines = found.fetchone() or (0, 0)
    if lines and items == lines:
        raise Unreadable(
            "No line of the file is an OTLP/JSON object with resourceSpans or resourceLogs."
        )


def _attribute(name: str) -> str:
    """Return SQL of an attribute's text: the item's own, else its resource's."""
    return f"coalesce({_own(name)}, resource_texts[list_position(resource_names, {quoted(name)})])"


def _own(name: str) -> str:
    """Return SQL of the text of an attribute of the item itself."""
    return f"attribute_texts[list_position(attribute_names, {quoted(name)})]"


def _span_texts(mapped: Mapping[str, str]) -> dict[str, str]:
    texts = fields.span_texts(mapped, _attribute, _own)
    includes_cache = [f"({fields.includes_cache('scope_name')})::varchar"]
    if "input_includes_cache" in texts:
        includes_cache.insert(0, texts["input_includes_cache"])
    is_failed = "coalesce(item.status.code in ('2', 'STATUS_CODE_ERROR'), false)"
    return texts | {
        "system": "'otlp'",
        "trace_id": "item.traceId",
        "span_id": "item.spanId",
        "parent_span_id": "nullif(item.parentSpanId, '')",
        "scope_name": "scope_name",
        "is_error": f"({is_failed} or {texts['error_type']} is not null)::varchar",
        "input_includes_cache": f"coalesce({', '.join(includes_cache)})",
        "started_at": "item.startTimeUnixNano",
        "ended_at": "nullif(item.endTimeUnixNano, '0')",
    }


def _review_texts(mapped: Mapping[str, str]) -> dict[str, str]:
    texts = fields.review_texts(mapped, _attribute)
    return texts | {
        "trace_id": "trace_id",
        "span_id": "span_id",
        "conversation_id": f"coalesce({texts['conversation_id']}, conversation_id)",
        "agent_id": f"coalesce({texts['agent_id']}, agent_id)",
        "reviewed_at": "review.timeUnixNano",
    }


def _items(path: Path, texts: Mapping[str, str]) -> str:
    """Return a query: one row a span, log record or unreadable line, every column text."""
    columns = ",\n            ".join(f"{text} as {column}" for column, text in texts.items())
    return f"""
        with

        lines as (

            select
                row_number() over () as line,
                -- a case passes on a batch of one kind as it is, where coalesce would copy it
                case
                    when resourceSpans is not null then resourceSpans
                    when resourceLogs is not null then resourceLogs
                    else [null]
                end as resources

            from read_ndjson(
                {quoted(path)},
                columns = {{resourceSpans: '{_RESOURCE}[]', resourceLogs: '{_RESOURCE}[]'}},
                records = true,
                ignore_errors = true,
                maximum_object_size = {MAX_LINE_BYTES}
            )

        ),

        resources as (

            select line, unnest(resources) as entry from lines

        ),

        -- what cannot be read is NULL in every part: it is kept as one item that is NULL
        scopes as (

            select
                line,
                entry.resource.attributes as resource_attributes,
                entry.scopeLogs is not null as is_log,
                unnest(
                    case
                        when entry.resource is null
                            and entry.scopeSpans is null
                            and entry.scopeLogs is null
                            then [null]
                        when entry.scopeSpans is not null then entry.scopeSpans
                        else entry.scopeLogs
                    end
                ) as entry

            from resources

        ),

        items as (

            select
                line,
                is_log,
                entry.scope.name as scope_name,
                {_names("resource_attributes")} as resource_names,
                {_values("resource_attributes")} as resource_texts,
                unnest(
                    case
                        when entry.scope is null
                            and entry.spans is null
                            and entry.logRecords is null
                            then [null]
                        when entry.spans is not null then entry.spans
                        else entry.logRecords
                    end
                ) as item

            from scopes

        ),

        named as (

            select
                line,
                row_number() over () as ordinal,
                case when item is null then 'line' when is_log then 'log' else 'span' end as kind,
                scope_name,
                resource_names,
                resource_texts,
                {_names("item.attributes")} as attribute_names,
                {_values("item.attributes")} as attribute_texts,
                item

            from items

        )

        select
            kind,
            case kind when 'line' then line else ordinal end as _source_row,
            case
                when kind = 'line'
                    then concat('line ', line, ' is no whole OTLP/JSON object')
                when kind = 'span' and (item.traceId is null or item.spanId is null)
                    then concat('a span in line ', line, ' has no trace id or no span id')
                when kind = 'span' and coalesce(item.startTimeUnixNano, '0') = '0'
                    then concat('a span in line ', line, ' has no start time')
            end as reason,
            case when kind = 'span' and reason is null then 1 end as _file,
            {columns},
            -- an evaluation is a log record of its own, or (older) an event on its span
            case
                when kind = 'log'
                    and coalesce(item.eventName, {_attribute("event.name")}) = '{_EVALUATION}'
                    then [
                        {{
                            'name': '{_EVALUATION}',
                            'timeUnixNano': coalesce(
                                nullif(item.timeUnixNano, '0'), item.observedTimeUnixNano
                            ),
                            'attributes': item.attributes
                        }}
                    ]
                when kind = 'span' and item.events is not null
                    then list_filter(item.events, lambda event: event.name = '{_EVALUATION}')
            end as reviews,
            case when reviews is not null then resource_names end as resource_names,
            case when reviews is not null then resource_texts end as resource_texts

        from named
    """


def _evaluations(texts: Mapping[str, str]) -> str:
    columns = ", ".join(f"{text} as {column}" for column, text in texts.items())
    return f"""(
        select _source_row, {columns}

        from (

            select
                _source_row,
                trace_id,
                span_id,
                conversation_id,
                agent_id,
                resource_names,
                resource_texts,
                review,
                {_names("review.attributes")} as attribute_names,
                {_values("review.attributes")} as attribute_texts

            from (
                select *, unnest(reviews) as review from staged_spans where reason is null
            )

        )
    )"""


def _names(attributes: str) -> str:
    return f"list_transform({attributes}, lambda attribute: attribute.key)"


def _values(attributes: str) -> str:
    value = ", ".join(
        f"attribute.value.{kind}"
        for kind in ("stringValue", "intValue", "doubleValue", "boolValue")
    )
    return f"list_transform({attributes}, lambda attribute: coalesce({value}))"
