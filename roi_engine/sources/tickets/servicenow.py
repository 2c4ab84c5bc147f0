"""ServiceNow: the incident table, or the event log of incidents, as CSV; a row is a version.

Final values (``resolved_at``, ``closed_at`` …) stand on early rows of an event log too: they
are kept as the source has them, and the state of the row says what was known then.
"""

from pathlib import Path

import duckdb

from roi_engine.sources import bronze, delimited
from roi_engine.sources.base import Context, Load, MissingColumn
from roi_engine.sources.files import quoted
from roi_engine.sources.tickets.versions import Versions, texts

_PLACES = {
    "ticket_id": ("number",),
    "correlation_id": ("correlation_id",),
    "status": ("incident_state", "state"),
    "resolution": ("closed_code", "close_code"),
    "task_type": ("category",),
    "channel": ("contact_type",),
    "priority": ("priority",),
    "assignee_id": ("assigned_to",),
    "requester_id": ("caller_id",),
    "version_number": ("sys_mod_count",),
    "reopen_count": ("reopen_count",),
    "reassignment_count": ("reassignment_count",),
    "created_at": ("opened_at", "sys_created_at", "sys_created_on"),
    "resolved_at": ("resolved_at",),
    "closed_at": ("closed_at",),
    "updated_at": ("sys_updated_at", "sys_updated_on"),
}
"""Column of ``TICKETS`` → headers, the first that the file has."""

_MISSING = ("", "?", "-100", "NULL")
_STATES = {
    "1": "New",
    "2": "In Progress",
    "3": "On Hold",
    "6": "Resolved",
    "7": "Closed",
    "8": "Canceled",
}
"""A raw export has the state's number where the table shows its word."""

_DAY_FIRST = (
    r"^(0?[1-9]|[12][0-9]|3[01])/(0?[1-9]|1[0-2])/([0-9]{4})"
    r" ([0-9]{1,2}):([0-9]{2})(:[0-9]{2})?$"
)
_TIMES = (
    "created_at",
    "first_response_at",
    "resolved_at",
    "closed_at",
    "updated_at",
    "reviewed_at",
)


def read(con: duckdb.DuckDBPyConnection, path: Path, *, load: Load, context: Context) -> Versions:
    """Open a CSV file of incidents; a mapped path is the header of a column.

    Raises:
        Unreadable: The file is no CSV.
        MissingColumn: It has no number or no time of opening.
    """
    table = delimited.read(con, path)
    headers = [header.lower() for header in table.columns]
    missing = ", ".join(f"'{text}'" for text in _MISSING)

    def attribute(name: str) -> str:
        if name.lower() not in headers:
            return "null::varchar"
        cell = f"trim({table.cell(headers.index(name.lower()))})"
        return f"case when {cell} not in ({missing}) then {cell} end"

    standard = {}
    for column, names in _PLACES.items():
        name = next((name for name in names if name in headers), None)
        if name is None and column in ("ticket_id", "created_at"):
            raise MissingColumn(f"The file has no column {names[0]}: is it of incidents?")
        if name is not None:
            standard[column] = attribute(name)
    columns = texts(context.mapped(load.source, load.system), attribute, standard)
    cells_read = ", ".join(f"{text} as {column}" for column, text in columns.items())
    words = " ".join(
        f"when {quoted(number)} then {quoted(word)}" for number, word in _STATES.items()
    )
    written = {"status": f"case status {words} else status end"}
    written |= {column: _iso(column) for column in _TIMES}
    replaced = ", ".join(f"{text} as {column}" for column, text in written.items())
    return Versions(
        f"""(
        select
            * replace ({replaced}),
            case
                when ticket_id is null then 'the row has no number'
                when created_at is null then concat(ticket_id, ' has no time of opening')
            end as reason
        from (select _source_row, {cells_read} from {table.relation})
    )""",
        refused=bronze.refuse(
            load,
            [
                (refusal.row, "malformed_record", "critical", refusal.reason, None)
                for refusal in table.refused
            ],
        ),
    )


def _iso(text: str) -> str:
    """Return SQL that writes a time D/M/YYYY HH:MM as YYYY-MM-DD HH:MM; others stay.

    Examples:
        >>> import duckdb
        >>> duckdb.sql("select " + _iso("'1/3/2016 01:22'")).fetchone()
        ('2016-03-01 01:22',)
    """
    parts = [f"regexp_extract({text}, {quoted(_DAY_FIRST)}, {group})" for group in range(1, 7)]
    day, month, year, hour, minute, second = parts
    two = "lpad({}, 2, '0')"
    written = (
        f"concat({year}, '-', {two.format(month)}, '-', {two.format(day)}, ' ',"
        f" {two.format(hour)}, ':', {minute}, {second})"
    )
    return f"case when regexp_matches({text}, {quoted(_DAY_FIRST)}) then {written} else {text} end"
