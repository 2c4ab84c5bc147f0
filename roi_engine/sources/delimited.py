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

from roi_engine.sources import files
from roi_engine.sources.base import Unreadable
from roi_engine.sources.files import quoted

MAX_RECORD_BYTES = 8 * 1024 * 1024
MAX_RECORD_LINES = 200
"""A quote that swallows more lines than this was never closed: the rest cannot be told apart."""


MAX_NAMED = 1000
"""What is beyond is one refusal with their number: a file of garbage must not flood quarantine."""

_REASONS = {
    "MISSING COLUMNS": "the record has fewer cells than the header",
    "TOO MANY COLUMNS": "the record has more cells than the header",
    "LINE SIZE OVER MAXIMUM": f"the record is longer than {MAX_RECORD_BYTES} bytes",
    "UNQUOTED VALUE": "a quote is not closed, or text follows it",
}


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


def read(con: files.Connection, path: Path) -> Delimited:
    """Open a UTF-8 CSV file (see ``files.unpack``): comma, semicolon, tab or bar between cells.

    The file is scanned once to number its records; the rows themselves are read when the
    relation is. Read one file a connection: the refused records stay in it.

    Raises:
        Unreadable: There is no header, it names a column twice, or a quote is never closed.
    """
    delimiter, columns = _header(path)
    names = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(columns)))
    options = (
        f"""auto_detect = false, header = true, delim = {quoted(delimiter)}, quote = '"',"""
        f""" escape = '"', columns = {{{names}}}, max_line_size = {MAX_RECORD_BYTES},"""
        # without store_rejects the reader of DuckDB 1.5 loses the record after a refused one
        " ignore_errors = true, store_rejects = true, rejects_table = 'refused_records',"
        " rejects_scan = 'refused_scans'"
    )
    scan = f"read_csv({quoted(path)}, {options})"
    try:
        refused = _refused(con, scan)
    except duckdb.InvalidInputException:
        # the reader stops at a file that mixes line ends
        scan = f"read_csv({quoted(_with_one_line_end(con, path))}, {options})"
        refused = _refused(con, scan)
    return Delimited(_numbered(scan, len(columns), is_whole=not refused), columns, refused)


def _with_one_line_end(con: files.Connection, path: Path) -> Path:
    """Copy a file with LF in the place of CRLF, to where the connection spills."""
    spill = Path(con.execute("select current_setting('temp_directory')").fetchall()[0][0])
    spill.mkdir(parents=True, exist_ok=True)
    target = spill / f"{path.name}.lines"
    held = b""
    with path.open("rb") as source, target.open("wb") as sink:
        while chunk := source.read(files.CHUNK):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""
            sink.write(chunk.removesuffix(b"\r").replace(b"\r\n", b"\n"))
        sink.write(held)
    return target


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


def _refused(con: files.Connection, scan: str) -> tuple[Refusal, ...]:
    """Scan the file and keep its refused records in the table ``refused_record``."""
    con.execute("drop table if exists refused_records; drop table if exists refused_scans")
    # the tables of refusals appear when the scan is fetched to its end
    con.execute(f"select count(*) from {scan}").fetchall()
    con.execute(
        """
        create or replace temp table refused_record as
        select
            line - 1 as row,
            any_value(error_type)::varchar as kind,
            left(any_value(csv_line), 200) as beginning,
            max(length(csv_line) - length(replace(csv_line, chr(10), ''))) as lines
        from refused_records
        group by 1
        """
    )
    swallowed = con.execute(
        f"select row, lines from refused_record where lines > {MAX_RECORD_LINES} order by row"
    ).fetchone()
    if swallowed:
        raise Unreadable(
            f"A quote that opens in record {swallowed[0]} is not closed for {swallowed[1]} lines:"
            " what follows cannot be told apart; export the file again."
        )
    named = con.execute(
        "select row, kind, beginning, count(*) over () from refused_record"
        f" order by row limit {MAX_NAMED}"
    ).fetchall()
    refusals = [
        Refusal(row, _REASONS.get(kind, "the record is no CSV"), text or "")
        for row, kind, text, _ in named
    ]
    unnamed = named[0][3] - len(named) if named else 0
    if unnamed:
        refusals.append(
            Refusal(named[-1][0], f"{unnamed} more records after this one are no CSV", "")
        )
    return tuple(refusals)


def _numbered(scan: str, width: int, *, is_whole: bool) -> str:
    """Return the relation; the reader leaves refused records out, so their numbers are put back."""
    cells = ", ".join(f"c{index}" for index in range(width))
    read = f"select row_number() over () as _ordinal, {cells} from {scan}"
    if is_whole:
        return f"(select _ordinal as _source_row, {cells} from ({read}))"
    # the k-th survivor stands after as many refusals as lie before it: r_j - j <= k (j from 0)
    return f"""(
        select _ordinal + coalesce(gap.refused, 0) as _source_row, {cells}
        from ({read}) as survivor
        asof left join (
            select row - ordinal + 1 as first_ordinal, max(ordinal) as refused
            from (select row, row_number() over (order by row) as ordinal from refused_record)
            group by first_ordinal
        ) as gap on survivor._ordinal >= gap.first_ordinal
    )"""
