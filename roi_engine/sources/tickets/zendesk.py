"""Zendesk: pages of the incremental cursor export, ``metric_sets`` sideloaded."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from roi_engine.sources import cells
from roi_engine.sources.base import Context, Load
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import json_path
from roi_engine.sources.tickets import pages
from roi_engine.sources.tickets.versions import Versions, texts

_CUSTOM = "custom_fields."
_EXCLUDED_TAGS = ("closed_by_merge", "merged", "spam")
_PLACES = {
    "ticket_id": "id",
    "correlation_id": "external_id",
    "status": "status",
    "task_type": "type",
    "channel": "via.channel",
    "priority": "priority",
    "assignee_id": "assignee_id",
    "requester_id": "requester_id",
    # moves with every change of the ticket, updated_at with those that people make
    "version_number": "generated_timestamp",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
_METRICS = {
    "reopen_count": "reopens",
    "reply_count": "replies",
    "resolved_at": "solved_at",
    "stations": "assignee_stations",
    "reply_minutes": "reply_time_in_minutes.calendar",
}


def read(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, load: Load, context: Context
) -> Versions:
    """Open pages of tickets; a mapped path is ``custom_fields.NUMBER`` or dotted in the ticket.

    Raises:
        Unreadable: A file is no whole page of tickets.
    """
    records = pages.read(con, paths, key="tickets", vendor="Zendesk")
    wanted: list[str] = []

    def attribute(name: str) -> str:
        if name.startswith(_CUSTOM):
            number = quoted(name.removeprefix(_CUSTOM))
            return f"custom_texts[list_position(custom_ids, {number})]"
        if name not in wanted:
            wanted.append(name)
        return f"found[{wanted.index(name) + 1}]"

    columns = texts(
        context.mapped(load.source, load.system),
        attribute,
        {column: attribute(name) for column, name in _PLACES.items()}
        | {column: f"metric.{column}" for column in ("reopen_count", "reply_count", "resolved_at")}
        | {
            "reassignment_count": "greatest(try_cast(metric.stations as bigint) - 1, 0)::varchar",
            "first_response_at": _first_response(
                attribute("created_at"),
                "metric.reply_minutes",
                context.timezones.get(load.system, "UTC"),
            ),
            "satisfaction": _satisfaction(attribute("satisfaction_rating.score")),
            "follow_up_of": (
                f"case when {attribute('via.source.rel')} = 'follow_up'"
                f" then {attribute('via.source.from.ticket_id')} end"
            ),
            "is_excluded": (
                f"({attribute('status')} = 'deleted'"
                f" or coalesce(list_has_any(tags, {list(_EXCLUDED_TAGS)}), false))::varchar"
            ),
        },
    )
    selected = ",\n            ".join(f"{text} as {column}" for column, text in columns.items())
    ticket_paths = ", ".join(quoted(json_path(name)) for name in wanted)
    return Versions(
        f"""(
        with

        records as (

            select
                _file,
                _source_row,
                record,
                json_extract_string(record, [{ticket_paths}]) as found,
                json_transform(record, '{{"tags": ["VARCHAR"]}}').tags as tags,
                json_transform(
                    record, '{{"custom_fields": [{{"id": "VARCHAR", "value": "VARCHAR"}}]}}'
                ).custom_fields as custom

            from {records}

        ),

        metrics as {_metrics()}

        select
            detail._file,
            _source_row,
            case
                when json_type(record) != 'OBJECT' then 'a ticket of the page is no JSON object'
                when {attribute("id")} is null then 'a ticket of the page has no id'
                when {attribute("created_at")} is null
                    then concat('ticket ', {attribute("id")}, ' has no created_at')
            end as reason,
            {selected}

        from (

            select
                *,
                list_transform(custom, lambda one: one.id) as custom_ids,
                list_transform(custom, lambda one: one.value) as custom_texts

            from records

        ) as detail

        left join metrics as metric
            on
                found[{wanted.index("id") + 1}] = metric.ticket_id
                and detail._file = metric._file
    )"""
    )


def _metrics() -> str:
    """Return a query of the sideloaded metric sets, the newest of each ticket."""
    names = ["ticket_id", "updated_at", *_METRICS.values()]
    paths = ", ".join(quoted(json_path(name)) for name in names)
    columns = ", ".join(
        f"newest[{names.index(name) + 1}] as {column}" for column, name in _METRICS.items()
    )
    return f"""(

            select _file, ticket_id, {columns}

            from (

                select _file, found[1] as ticket_id, max_by(found, coalesce(found[2], '')) as newest

                from (

                    select _file, json_extract_string(metric_set, [{paths}]) as found

                    from (

                        select _file, unnest((page -> '$.metric_sets')::json[]) as metric_set
                        from pages
                        where json_type(page, '$.metric_sets') = 'ARRAY'

                    )

                )

                where found[1] is not null
                group by 1, 2

            )

        )"""


def _first_response(created: str, minutes: str, zone: str) -> str:
    """Return SQL of the first reply's time: Zendesk gives it in whole minutes after creation."""
    instant = cells.cast(created, "TIMESTAMP", zone=zone)
    return f"({instant} + to_minutes(try_cast({minutes} as bigint)))::varchar || 'Z'"


def _satisfaction(score: str) -> str:
    return f"case {score} when 'good' then '1' when 'bad' then '0' end"
