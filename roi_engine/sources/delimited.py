"""Delimited text (CSV) → a relation of text cells, in bounded memory.

Columns are named by place (``c0``, ``c1``, …), because a header may hold anything; ``columns``
tells what the header called them. A record that is no record (too few cells, too many, a quote
in the wrong place) is refused and keeps its number; the others keep theirs.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import duckdb

from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import quoted

MAX_RECORD_BYTES = 8 * 1024 * 1024
MAX_RECORD_LINES = 200
"""A quote that swallows more lines than this was never closed: the rest cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that could not be cut into cells: its number, why, and its beginning."""

    row: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Delimited:
    """A CSV file opened: SQL to stand after ``from``, its header, and the records refused.

    ``relation`` has ``_source_row`` (1-based, the header is not counted) and ``c0`` … as VARCHAR.
    """

    relation: str
    columns: tuple[str, ...]
    refused: tuple[Refusal, ...]

    def cell(self, index: int) -> str:
        """Return the SQL name of the column at ``index`` of the header."""
        return f"c{index}"


def read(con: duckdb.DuckDBPyConnection, path: Path) -> Delimited:
    """Open a UTF-8 CSV file (see ``files.unpack``): comma, semicolon, tab or bar between cells.

    The file is scanned once to number its records; the rows themselves are read when the
    relation is.

    Raises:
        Unreadable: There is no header, it names a column twice, or a quote is never closed.
    """
    delimiter, columns = _header(path)
    names = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(columns)))
    options = (
        f"{quoted(path)}, auto_detect = false, header = true, delim = {quoted(delimiter)},"
        f""" quote = '"', escape = '"', columns = {{{names}}}, ignore_errors = true,"""
        f" max_line_size = {MAX_RECORD_BYTES}"
    )
    # a file that mixes line ends stops the strict reader; the other one takes it
    for strict in ("true", "false"):
        options_tried = f"{options}, strict_mode = {strict}"
        try:
            refused = _refused(con, options_tried)
        except duckdb.InvalidInputException as error:
            problem = str(error).splitlines()[0]
            continue
        return Delimited(_numbered(options_tried, refused, len(columns)), columns, refused)
    raise Unreadable(f"The file cannot be read as CSV: {problem}")


def _header(path: Path) -> tuple[str, tuple[str, ...]]:
    with path.open("rb") as stream:
        head = stream.read(1024 * 1024).decode("utf-8", errors="ignore")
    rows = {
        delimiter: next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
        for delimiter in (",", ";", "\t", "|")
    }
    delimiter = max(rows, key=lambda key: len(rows[key]))
    columns = tuple(name.strip() for name in rows[delimiter])
    if not any(columns):
        raise Unreadable("The file has no header line: its first line must name the columns.")
    for name in columns:
        if name and columns.count(name) > 1:
            raise Unreadable(f"The header names the column {name!r} twice: rename one of them.")
    return delimiter, columns


def _refused(con: duckdb.DuckDBPyConnection, options: str) -> tuple[Refusal, ...]:
    con.execute("drop table if exists refused_records; drop table if exists refused_scans")
    # the tables of refusals appear when the scan is fetched to its end
    con.execute(
        f"select count(*) from read_csv({options}, store_rejects = true,"
        " rejects_table = 'refused_records', rejects_scan = 'refused_scans')"
    ).fetchall()
    rows = con.execute(
        """
        select
            line - 1,
            any_value(error_type),
            left(any_value(csv_line), 200),
            max(length(csv_line) - length(replace(csv_line, chr(10), '')))
        from refused_records
        group by 1
        order by 1
        """
    ).fetchall()
    reasons = {
        "MISSING COLUMNS": "the record has fewer cells than the header",
        "TOO MANY COLUMNS": "the record has more cells than the header",
        "LINE SIZE OVER MAXIMUM": f"the record is longer than {MAX_RECORD_BYTES} bytes",
        "UNQUOTED VALUE": "a quote is not closed, or text follows it",
    }
    for row, _, _, lines in rows:
        if lines > MAX_RECORD_LINES:
            raise Unreadable(
                f"A quote that opens in record {row} is not closed for {lines} lines: what follows"
                " cannot be told apart; export the file again."
            )
    return tuple(
        Refusal(row, reasons.get(kind, "the record is no CSV"), text or "")
        for row, kind, text, _ in rows
    )


def _numbered(options: str, refused: tuple[Refusal, ...], width: int) -> str:
    """Return the relation; the reader leaves refused records out, so their numbers are put back."""
    cells = ", ".join(f"c{index}" for index in range(width))
    read = f"select row_number() over () as _ordinal, {cells} from read_csv({options})"
    if not refused:
        return f"(select _ordinal as _source_row, {cells} from ({read}))"
    # the k-th survivor stands after as many refusals as lie before it: r_j - j <= k (j from 0)
    gaps = ", ".join(
        f"({refusal.row - index}, {index + 1})" for index, refusal in enumerate(refused)
    )
    return f"""(
        select _ordinal + coalesce(gap.refused, 0) as _source_row, {cells}
        from ({read}) as survivor
        asof left join (
            select first_ordinal, max(refused) as refused
            from (values {gaps}) as gap (first_ordinal, refused)
            group by first_ordinal
        ) as gap on survivor._ordinal >= gap.first_ordinal
    )"""
