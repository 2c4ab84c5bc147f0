"""Flattened records of one file → bronze spans and evaluations, and what was refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from roi_engine.sources import bronze, cells, refusals
from roi_engine.sources.base import Load, Parsed
from roi_engine.sources.files import identifier, quoted
from roi_engine.sources.schema import EVALUATIONS, SPANS, Table

_EARLIEST = 10**18
"""September 2001 in Unix nanoseconds: what is less was counted in another unit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A column read: SQL of its typed value, and of the text that stands for it if refused.

    A value that is NULL while its text is not was refused.
    """

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Records:
    """What a reader found: SQL to stand after ``from``, and how each column is read from it.

    ``spans`` and ``evaluations`` have ``_source_row``; ``refused`` is a query of row numbers
    and reasons. A column that is not named is NULL. Where ``aside`` names columns of ``spans``,
    its rows are spans only if their ``_file`` is 1, and ``evaluations`` and ``refused`` may read
    them, and the columns of ``SPANS``, from ``staged_spans``.
    """

    spans: str
    span_cells: Mapping[str, Cell]
    evaluations: str | None = None
    evaluation_cells: Mapping[str, Cell] | None = None
    refused: str | None = None
    aside: tuple[str, ...] = ()
    check: Callable[[duckdb.DuckDBPyConnection], None] | None = None
    """Raises ``Unreadable`` when what was staged shows that the file is none of its kind."""


def text_cells(table: Table, columns: Mapping[str, str], *, zone: str = "UTC") -> dict[str, Cell]:
    """Return how text columns are read: column of ``table`` → SQL of its text (a plain column)."""
    return {
        name: Cell(cells.cast(text, table.columns[name], zone=zone), text)
        for name, text in columns.items()
    }


def nanoseconds(text: str) -> Cell:
    """Return how Unix nanoseconds are read: to microseconds, by integer division.

    Examples:
        >>> import duckdb
        >>> duckdb.sql("select " + nanoseconds("'1700158623979960999'").value).fetchone()
        (datetime.datetime(2023, 11, 16, 18, 17, 3, 979960),)
    """
    number = f"try_cast({text} as bigint)"
    return Cell(
        f"case when {number} >= {_EARLIEST} then make_timestamp({number} // 1000) end", text
    )


def rest_of_writes(columns: Mapping[str, Cell]) -> dict[str, Cell]:
    """Return the cells with ``cache_write_tokens`` less those whose lifetime is said.

    Sources give the total of cache writes and, some, its parts; bronze keeps the parts and
    what is left. Parts that exceed the total leave a negative rest, which the gate finds.
    """
    parts = [
        columns[name].value
        for name in ("cache_write_5m_tokens", "cache_write_1h_tokens")
        if name in columns
    ]
    total = columns.get("cache_write_tokens")
    if total is None or not parts:
        return dict(columns)
    rest = " - ".join([f"({total.value})", *(f"coalesce({part}, 0)" for part in parts)])
    return dict(columns) | {"cache_write_tokens": Cell(rest, total.text)}


def write(con: duckdb.DuckDBPyConnection, records: Records, *, load: Load, out: Path) -> Parsed:
    """Write what a reader found as bronze."""
    carried = ("_file", *records.aside) if records.aside else ("1 as _file",)
    (spans,) = bronze.write_each(
        con,
        _typed(records.spans, SPANS, records.span_cells, carried),
        table=SPANS,
        files=[(load, out)],
        aside=records.aside,
    )
    if records.check is not None:
        records.check(con)
    rows = {SPANS.name: spans.rows}
    days: frozenset[date] = spans.days
    quarantine = [spans.quarantine]
    if records.evaluations and records.evaluation_cells:
        evaluations = bronze.write(
            con,
            _typed(records.evaluations, EVALUATIONS, records.evaluation_cells),
            table=EVALUATIONS,
            load=load,
            out=out,
        )
        rows[EVALUATIONS.name] = evaluations.rows
        days |= evaluations.days
        quarantine.append(evaluations.quarantine)
    if records.refused:
        quarantine.append(refusals.malformed(con, records.refused, load))
    return Parsed(rows, days, pl.concat(quarantine))


def _typed(
    relation: str, table: Table, columns: Mapping[str, Cell], carried: Sequence[str] = ()
) -> str:
    """Return a query as ``bronze.write`` takes it, with ``carried`` columns of ``relation``.

    No ``_rounded``: a logged cost is a float printed in full, so its 19th decimal is no finding.
    """
    read = {name: cell for name, cell in columns.items() if table.columns[name] != "VARCHAR"}
    values = ", ".join(
        f"({columns[name].value if name in columns else 'null'})::{kind} as {identifier(name)}"
        for name, kind in table.columns.items()
    )
    texts = ", ".join(f"{cell.text} as {identifier('=' + name)}" for name, cell in read.items())
    bad = {
        name: f"({identifier(name)} is null and {identifier('=' + name)} is not null)"
        for name in read
    }
    pairs = ", ".join(
        f"{quoted(name)}, case when {is_bad} then {identifier('=' + name)}::varchar end"
        for name, is_bad in bad.items()
    )
    names = [column.split(" as ")[-1] for column in carried]
    # merging an empty object drops the keys whose value is null
    return f"""
        select
            {", ".join([*map(identifier, table.columns), "_source_row", *names])},
            case when {" or ".join(bad.values())}
                then json_merge_patch('{{}}', json_object({pairs}))::varchar
            end as _rejected,
            null as _rounded
        from (select {", ".join([values, texts, "_source_row", *carried])} from {relation})
    """
