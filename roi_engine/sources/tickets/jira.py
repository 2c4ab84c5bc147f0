"""Jira: pages of an issue search with ``expand=changelog``."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from roi_engine.sources.base import Context, Load
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import json_path
from roi_engine.sources.tickets import pages
from roi_engine.sources.tickets.versions import Versions, texts

_PLACES = {
    "ticket_id": "key",
    "status": "fields.status.name",
    "status_category": "fields.status.statusCategory.key",
    "resolution": "fields.resolution.name",
    "task_type": "fields.issuetype.name",
    "priority": "fields.priority.name",
    "created_at": "fields.created",
    "resolved_at": "fields.resolutiondate",
    "updated_at": "fields.updated",
}
_PERSONS = {"assignee_id": "fields.assignee", "requester_id": "fields.reporter"}
_ID_OF_PERSON = ("accountId", "name", "key")  # Cloud, then Server


def read(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, load: Load, context: Context
) -> Versions:
    """Open pages of issues; a mapped path is dotted in the issue (``fields.customfield_10`` …).

    What the changelog tells: a resolution that was taken back is a reopening; a change of the
    assignee from one to another is a reassignment; from an agent to a person, an escalation.

    Raises:
        Unreadable: A file is no whole page of issues.
    """
    records = pages.read(con, paths, key="issues", vendor="Jira")
    wanted: list[str] = []

    def attribute(name: str) -> str:
        if name not in wanted:
            wanted.append(name)
        return f"found[{wanted.index(name) + 1}]"

    standard = {column: attribute(name) for column, name in _PLACES.items()}
    for column, person in _PERSONS.items():
        ids = ", ".join(attribute(f"{person}.{name}") for name in _ID_OF_PERSON)
        standard[column] = f"coalesce({ids})"
    columns = texts(
        context.mapped(load.source, load.system), attribute, standard | _history(context)
    )
    selected = ", ".join(f"{text} as {column}" for column, text in columns.items())
    places = ", ".join(quoted(json_path(name)) for name in wanted)
    return Versions(
        f"""(
        select
            _file,
            _source_row,
            case
                when json_type(record) != 'OBJECT' then 'an issue of the page is no JSON object'
                when {attribute("key")} is null then 'an issue of the page has no key'
                when {attribute("fields.created")} is null
                    then concat({attribute("key")}, ' has no time of creation')
            end as reason,
            {selected}

        from (

            select
                _file,
                _source_row,
                record,
                json_extract_string(record, [{places}]) as found,
                flatten(
                    list_transform(
                        json_transform(
                            record,
                            '{{"changelog": {{"histories": [{{"items": [{{"field": "VARCHAR",
                            "from": "VARCHAR", "to": "VARCHAR"}}]}}]}}}}'
                        ).changelog.histories,
                        lambda history: history.items
                    )
                ) as changes

            from {records}

        )
    )"""
    )


def _history(context: Context) -> dict[str, str]:
    agents = ", ".join(map(quoted, sorted(context.agent_ids))) or "null"
    left_agent = f'change."from" in ({agents})'
    to_person = f'change."to" != \'\' and change."to" not in ({agents})'
    assignee = "change.field = 'assignee'"
    return {
        "reopen_count": _counted(
            "change.field = 'resolution' and change.\"from\" is not null"
            " and coalesce(change.\"to\", '') = ''"
        ),
        "reassignment_count": _counted(
            f"{assignee} and change.\"from\" != '' and change.\"to\" != ''"
        ),
        "is_escalated": (
            f"(len(list_filter(changes, lambda change: {assignee}"
            f" and coalesce({left_agent} and {to_person}, false))) > 0)::varchar"
        ),
    }


def _counted(condition: str) -> str:
    return f"len(list_filter(changes, lambda change: coalesce({condition}, false)))::varchar"
