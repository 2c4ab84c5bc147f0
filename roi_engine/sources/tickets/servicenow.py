"""ServiceNow: the incident table, or the event log of incidents; a row is a version.

It comes as CSV, or as pages of the Table API (JSON, ``{"result": […]}``), told apart by content.
Final values (``resolved_at``, ``closed_at`` …) stand on early rows of an event log too: they
are kept as the source has them, and the state of the row says what was known then.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import duckdb
import polars as pl

from roi_engine.sources import bronze, delimited
from roi_engine.sources.base import Context, Load, MissingColumn
from roi_engine.sources.files import quoted
from roi_engine.sources.schema import TICKETS
from roi_engine.sources.tickets import pages
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
_STORED_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_TIMES = (
    "created_at",
    "first_response_at",
    "resolved_at",
    "closed_at",
    "updated_at",
    "reviewed_at",
)


class _Opened(Protocol):
    """A file of incidents: the names of its columns in small letters, and their cells."""

    headers: list[str]
    refused: pl.DataFrame

    def cell(self, header: str, *, is_shown: bool) -> str:
        """Return the SQL name of a column's text: as people are shown it, or as it is stored."""

    def relation(self) -> str:
        """Return SQL to stand after ``from``, with ``_source_row`` and the cells asked for."""


def read(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, load: Load, context: Context
) -> Versions:
    """Open one file of incidents, whose columns are its own; a mapped path is the name of a column.

    Raises:
        Unreadable: The file is no CSV, or JSON that is no page.
        MissingColumn: It has no number or no time of opening.
    """
    (path,) = paths
    opened: _Opened = _Pages(con, path, load) if _is_json(path) else _Csv(con, path, load)
    missing = ", ".join(f"'{text}'" for text in _MISSING)

    def attribute(name: str, *, is_shown: bool) -> str:
        if name.lower() not in opened.headers:
            return "null::varchar"
        cell = f"trim({opened.cell(name.lower(), is_shown=is_shown)})"
        return f"case when {cell} not in ({missing}) then {cell} end"

    found = {}
    for column, names in _PLACES.items():
        name = next((name for name in names if name in opened.headers), None)
        # a page without an incident has no columns at all
        if name is None and column in ("ticket_id", "created_at") and opened.headers:
            raise MissingColumn(f"The file has no column {names[0]}: is it of incidents?")
        if name is not None:
            found[column] = name
    mapped = context.mapped(load.source, load.system)
    # words as they are shown (a reference, a choice), times and numbers as they are stored
    shown, stored = (
        texts(
            mapped,
            partial(attribute, is_shown=is_shown),
            {column: attribute(name, is_shown=is_shown) for column, name in found.items()},
        )
        for is_shown in (True, False)
    )
    columns = {
        column: (shown if kind == "VARCHAR" else stored)[column]
        for column, kind in TICKETS.columns.items()
    }
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
            1 as _file,
            case
                when ticket_id is null then 'the row has no number'
                when created_at is null then concat(ticket_id, ' has no time of opening')
            end as reason
        from (select _source_row, {cells_read} from {opened.relation()})
    )""",
        refused=opened.refused,
    )


class _Csv:
    """A CSV file: a cell is shown as it is stored."""

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path, load: Load) -> None:
        self._table = delimited.read(con, path)
        self.headers = [header.lower() for header in self._table.columns]
        self.refused = bronze.refuse(
            load,
            [
                (refusal.row, "malformed_record", "critical", refusal.reason, None)
                for refusal in self._table.refused
            ],
        )

    def cell(self, header: str, *, is_shown: bool) -> str:  # noqa: ARG002 - see the class
        return self._table.cell(self.headers.index(header))

    def relation(self) -> str:
        return self._table.relation


class _Pages:
    """Pages of the Table API, in each of the forms that ``sysparm_display_value`` gives.

    A field is a text, or an object with ``value`` (as it is stored, times in UTC), with
    ``display_value`` (as the asking user is shown it), or with both.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, path: Path, load: Load) -> None:
        self._records = pages.read(con, [path], key="result", vendor="ServiceNow")
        keys = con.execute(
            f"""
            select distinct unnest(json_keys(record)) as name
            from {self._records}
            where json_type(record) = 'OBJECT'
            order by name
            """
        ).fetchall()
        self._names = {name.lower(): name for (name,) in keys}
        self.headers = list(self._names)
        self.refused = bronze.refuse(load, [])
        self._wanted: list[str] = []

    def cell(self, header: str, *, is_shown: bool) -> str:
        if header not in self._wanted:
            self._wanted.append(header)
        return f"{'shown' if is_shown else 'stored'}_{self._wanted.index(header)}"

    def relation(self) -> str:
        # a name may hold a dot (a field of the record that a reference leads to)
        paths = ", ".join(
            quoted('$."' + self._names[header].replace('"', "") + '"') for header in self._wanted
        )
        cells_made = ", ".join(
            f"{_shown(f'found[{place}]')} as shown_{place - 1},"
            f" {_stored(f'found[{place}]')} as stored_{place - 1}"
            for place in range(1, len(self._wanted) + 1)
        )
        return f"""(
            select _source_row, {cells_made}
            from (
                select _source_row, json_extract(record, [{paths}]) as found from {self._records}
            )
        )"""


def _is_json(path: Path) -> bool:
    """Say whether a file begins as JSON does; a header of CSV never begins with a bracket."""
    with path.open("rb") as stream:
        return stream.read(4096).lstrip().startswith((b"{", b"["))


def _shown(field: str) -> str:
    value, display = _parts(field)
    return (
        f"case json_type({field}) when 'OBJECT' then coalesce({display}, {value})"
        f" else json_extract_string({field}, '$') end"
    )


def _stored(field: str) -> str:
    """Return SQL of a field's stored text; a stored time is in UTC, whatever the zone is."""
    value, display = _parts(field)
    is_time = f"regexp_full_match({value}, {quoted(_STORED_TIME)})"
    return (
        f"case json_type({field}) when 'OBJECT' then"
        f" coalesce(case when {is_time} then {value} || 'Z' else {value} end, {display})"
        f" else json_extract_string({field}, '$') end"
    )


def _parts(field: str) -> tuple[str, str]:
    return (
        f"json_extract_string({field}, '$.value')",
        f"json_extract_string({field}, '$.display_value')",
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
