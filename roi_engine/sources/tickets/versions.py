"""Ticket versions of one file, as texts → bronze: what all systems of tickets have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from roi_engine.sources import bronze, cells, refusals
from roi_engine.sources.base import Context, File, Load, Parsed
from roi_engine.sources.files import quoted
from roi_engine.sources.mapped import Attribute, first, place
from roi_engine.sources.schema import TICKETS
from roi_engine.sources.tickets import people

_SUCCESS = ("1", "1.0", "true", "yes", "success")
"""What a mapped ``outcome`` says when the task succeeded; anything else it says is a failure."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What a reader found: SQL to stand after ``from``, one row a version.

    It has ``_source_row``, ``_file`` (the number of its file, from 1), ``reason`` (why a row is
    refused, else NULL) and every column of ``TICKETS`` as text, ids of tickets and persons as the
    system has them. ``refused`` are quarantine rows of records that could not even be cut out.
    """

    relation: str
    refused: pl.DataFrame | None = None


def texts(
    mapped: Mapping[str, str], attribute: Attribute, standard: Mapping[str, str]
) -> dict[str, str]:
    """Return SQL of each column's text: the mapped place, else the system's own, else NULL.

    A field of the mapping is a column of ``TICKETS``, with or without its ``is_``.
    """
    paths = {
        field if field in TICKETS.columns else f"is_{field}": path for field, path in mapped.items()
    }
    found = {}
    for column in TICKETS.columns:
        places = [place(paths[column], attribute)] if column in paths else []
        places += [standard[column]] if column in standard else []
        found[column] = first(places)
    return found


def write(
    con: duckdb.DuckDBPyConnection, versions: Versions, *, pages: Sequence[File], context: Context
) -> list[Parsed]:
    """Write what a reader found in each file as bronze, persons hashed."""
    load = pages[0].load
    con.execute(f"create or replace temp table versions as from {versions.relation}")
    persons = ["assignee_id", "requester_id"]
    people.hash_ids(con, "versions", persons, system=load.system, context=context)
    columns = {column: f"versions.{column}" for column in TICKETS.columns} | _told(load, context)
    selected = ", ".join(f"{text} as {column}" for column, text in columns.items())
    # a table, not a subquery: the casts name each text many times, and would repeat its making
    con.execute(
        f"""
        create or replace temp table told as
        select versions._file, versions._source_row, {selected}
        from versions
        left join {people.KEYED} as assignee on versions.assignee_id = assignee.id
        left join {people.KEYED} as requester on versions.requester_id = requester.id
        where reason is null
        """
    )
    zone = context.timezones.get(load.system, "UTC")
    query = cells.typed(
        "told",
        TICKETS,
        {column: column for column in columns},
        zone=zone,
        carried=("_file", "_source_row"),
    )
    targets = [(page.load, page.out) for page in pages]
    written = bronze.write_each(con, query, table=TICKETS, files=targets)
    is_refused = "reason is not null"
    refused = con.execute(f"select distinct _file from versions where {is_refused}").fetchall()
    parsed = []
    for number, (page, of_page) in enumerate(zip(pages, written, strict=True), start=1):
        quarantine = [of_page.quarantine]
        if (number,) in refused:
            its = f"(from versions where {is_refused} and _file = {number})"
            quarantine.append(refusals.malformed(con, its, page.load))
        if versions.refused is not None:
            quarantine.append(versions.refused)
        parsed.append(Parsed({TICKETS.name: of_page.rows}, of_page.days, pl.concat(quarantine)))
    return parsed


def _told(load: Load, context: Context) -> dict[str, str]:
    """Return SQL of the columns that follow from others.

    Who did it: the mapped agent, else an assignee who is an agent. Where the agent is mapped,
    the assignee may be the account that the agent works under, so that a person was assigned
    only if the mapping says so or the ticket was escalated; and only a person's id is kept.
    """
    agents = ", ".join(map(quoted, sorted(context.agent_ids))) or "null"
    assignee = "versions.assignee_id"
    is_agent = f"coalesce({assignee} in ({agents}), false)"
    said = "versions.is_person_assigned"
    is_named_person = (
        f"(coalesce(lower({said}) in ('true', '1', 'yes'), false) or"
        f" ({said} is null and versions.agent_id is null and not {is_agent}))"
    )
    is_person = (
        f"case when {said} is not null then {said}"
        " when versions.agent_id is not null then coalesce(versions.is_escalated, 'false')"
        f" else ({assignee} is not null and not {is_agent})::varchar end"
    )
    succeeded = f"lower(trim(versions.outcome)) in ({', '.join(map(quoted, _SUCCESS))})"
    prefix = quoted(f"{load.system}:")
    return {
        "system": quoted(load.system),
        "ticket_id": f"{prefix} || versions.ticket_id",
        "follow_up_of": f"{prefix} || versions.follow_up_of",
        "agent_id": f"coalesce(versions.agent_id, case when {is_agent} then {assignee} end)",
        "assignee_id": f"case when {is_named_person} then assignee.hash end",
        "requester_id": "requester.hash",
        "is_success": f"coalesce(versions.is_success, ({succeeded})::varchar)",
        "is_person_assigned": is_person,
    }
