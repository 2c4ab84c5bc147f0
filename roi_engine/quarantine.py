"""What was refused and why: rule by rule, down to the line of the file that came in.

Asked of the lake and not of its release, which is older where a day is blocked.
"""

from dataclasses import dataclass
from datetime import date

import duckdb

from roi_engine.warehouse.ops import MANIFEST, UNREADABLE

SHOWN = 5
"""Broken rows that stand under their rule where no number is asked for."""

_WIDTH = 200
"""Characters of a record on a terminal; JSON has it whole."""


@dataclass(frozen=True, slots=True)
class Row:
    """One refused row; ``row`` is its number in the file, 0 for the file as a whole."""

    file: str
    row: int
    day: date | None
    reason: str
    record: str | None

    @property
    def place(self) -> str:
        """Return where it stands.

        >>> Row("gpu/a.json", 7, date(2026, 1, 2), "cannot be true", None).place
        'gpu/a.json row 7 (2026-01-02)'
        """
        named = f"{self.file} row {self.row}" if self.row else self.file
        return f"{named} ({self.day})" if self.day else named


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule with the rows that broke it, the first few of them named."""

    source: str
    rule: str
    severity: str
    stage: str
    rows: int
    reasons: int
    first: tuple[Row, ...]

    def lines(self) -> list[str]:
        """Return it as lines for a terminal; a parser gives each row a reason of its own."""
        counted = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        shared = f": {_line(self.first[0].reason)}" if self.reasons == 1 else ""
        said = [f"{self.severity} · {self.source} · {self.rule} · {counted}{shared}"]
        for one in self.first:
            own = f": {_line(one.reason)}" if self.reasons > 1 else ""
            said.append(f"  {one.place}{own}")
            # what a whole file has for a record is its name
            if one.record and one.row:
                said.append(f"    {_line(one.record)[:_WIDTH]}")
        if self.rows > len(self.first):
            said.append(f"  … and {self.rows - len(self.first):,} more")
        return said


def read(
    con: duckdb.DuckDBPyConnection,
    *,
    day: date | None = None,
    rule: str | None = None,
    shown: int = SHOWN,
    with_files: bool = True,
) -> list[Broken]:
    """Return each rule that was broken, the worst and most frequent first.

    Args:
        con: The lake, to read.
        day: Only rows of this day.
        rule: Only this rule, with or without its table.
        shown: How many rows are named of each rule.
        with_files: Also files that could not be read at all, unless another has come in the
            place of one.
    """
    found = con.execute(
        f"""
        with named as (
            select load_id, min(uri) as uri from {MANIFEST} group by load_id
        ),
        refused as (
            select quarantine.*, coalesce(named.uri, _source_file) as uri
            from lake.ops.quarantine as quarantine
            left join named on named.load_id = quarantine._load_id
            where ($day is null or day = $day)
                and ($rule is null or rule = $rule or split_part(rule, '.', 2) = $rule)
                and (
                    _load_id not in (select load_id from {MANIFEST} where status = 'unreadable')
                    or ($with_files and _load_id in (select load_id from ({UNREADABLE})))
                )
        ),
        placed as (
            select
                *,
                count(*) over rule as rows,
                row_number() over (rule order by day, uri, _source_row, reason, record) as place
            from refused
            window rule as (partition by source, rule, severity, stage)
        ),
        counted as (
            select source, rule, severity, stage, count(distinct reason) as reasons
            from refused group by all
        )
        select source, rule, severity, stage, rows, reasons, uri, _source_row, day, reason, record
        from placed
        inner join counted using (source, rule, severity, stage)
        where place <= $shown
        order by severity, rows desc, source, rule, stage, place
        """,
        {"day": day, "rule": rule, "shown": shown, "with_files": with_files},
    ).fetchall()
    groups: dict[tuple[str, str, str, str, int, int], list[Row]] = {}
    for row in found:
        groups.setdefault(row[:6], []).append(Row(*row[6:]))
    return [Broken(*rule, tuple(rows)) for rule, rows in groups.items()]


def _line(text: str) -> str:
    return " ".join(text.split())
