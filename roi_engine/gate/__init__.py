"""The gate: judge bronze by its expectations, quarantine what is broken, decide which days pass.

Great Expectations judges (``expectations/``, one suite per relation, every rule with a severity
and a reason), once per relation over all days of the run; the query form of the same rules splits
the counts by day and names the rows. The two must agree, or the gate stops.

A day is blocked only if one of its sources lacks a required column, or if more than
``block_threshold`` of the rows of a source on that day break critical rules. Warnings never block,
and neither do rows of which nothing is built: a provider's own report, and the lines of a bill that
a newer export has replaced.
What to do then: docs/runbooks/blocked_day.md.
"""

import importlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from roi_engine import partitions
from roi_engine.gate import bronze, count
from roi_engine.gate.decision import Tally, blocked_days
from roi_engine.gate.predicate import columns, literal
from roi_engine.gate.relation import Disagreement, check_relation
from roi_engine.gate.replaced import Exports
from roi_engine.marts import declare
from roi_engine.sources import schema

__all__ = ["RESULT_SCHEMA", "Disagreement", "GateResult", "check", "check_marts"]

RESULT_SCHEMA = {
    "run_id": pl.String,
    "source": pl.String,
    "day": pl.Date,
    "rule": pl.String,
    "expectation": pl.String,
    "column_name": pl.String,
    "severity": pl.String,
    "reason": pl.String,
    "success": pl.Boolean,
    "checked": pl.Int64,
    "unexpected": pl.Int64,
    "observed": pl.String,
}
"""Columns of ``ops.validation_result``."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate found.

    Attributes:
        results: Rows for ``ops.validation_result``: one per rule over all days (``day`` NULL),
            and one per rule and day that fails, sorted by source, rule and day.
        quarantine: Rows for ``ops.quarantine``, as a relation in the caller's connection (the
            temporary table ``gate_quarantine``, which may spill to disk), until the next check.
        blocked: Day → the reason, in a sentence. A day that is not here passes.
    """

    results: pl.DataFrame
    quarantine: duckdb.DuckDBPyRelation
    blocked: dict[date, str]


def check(
    con: duckdb.DuckDBPyConnection,
    bronze_root: Path,
    days: Collection[date],
    active_load_ids: Iterable[str] | duckdb.DuckDBPyRelation,
    *,
    run_id: str,
    charge_days: Collection[date] | None = None,
    reporting_currency: str = "USD",
    reporting_timezone: str = "UTC",
    block_threshold: Decimal = Decimal("0.05"),
    unpriced_threshold: Decimal | None = None,
) -> GateResult:
    """Judge the bronze rows of active loads on ``days``, and the active reference tables.

    Args:
        con: A DuckDB connection; only temporary views and tables are made in it.
        bronze_root: The folder ``bronze`` of the lake.
        days: The days to judge.
        active_load_ids: The loads that count, in the order of their arrival, as ids or as a
            relation whose first column they are.
        run_id: Stands in every result row.
        charge_days: Days on which all lines of the billing periods lie of which lines are judged;
            None for ``days``.
        reporting_currency: Money in another currency needs a rate to this one.
        reporting_timezone: Whose days an export of a bill replaces.
        block_threshold: The share of critical rows over which a source blocks its day.
        unpriced_threshold: The share of a day's model calls without a price over which the day is
            blocked; None for never.

    Raises:
        Disagreement: The query form of a rule counts other rows than Great Expectations does.
        roi_engine.gate.judge.Unjudged: Great Expectations could not evaluate a rule.
    """
    if isinstance(active_load_ids, duckdb.DuckDBPyRelation):
        loads = [str(row[0]) for row in active_load_ids.fetchall()]
    else:
        loads = list(active_load_ids)
    files = partitions.find_files(bronze_root, dict.fromkeys(schema.SOURCES, days), loads)
    checks = [
        each
        for source in schema.SOURCES
        for each in importlib.import_module(f"expectations.{source}").checks()
    ]
    memos = {table.name for table in schema.TABLES if table.is_memo}
    lines = Exports(bronze_root, charge_days or days, loads, reporting_timezone)
    exports = {schema.CHARGES.name: lines}
    con.execute(f"create or replace temporary table gate_quarantine ({count.QUARANTINE_COLUMNS})")
    results: list[dict[str, Any]] = []
    tallies = {source: Tally() for source in schema.SOURCES}
    with _settings(con, reporting_currency), bronze.views(con, files):
        required = [(each.source, each.name, column) for each in checks for column in each.required]
        bronze.create_schema_table(con, files, required)
        bronze.create_volume_table(con, bronze_root, days, loads)
        for each in checks:
            judged = check_relation(con, each, run_id=run_id, exports=exports.get(each.name))
            results += judged.results
            if each.query is None and each.name not in memos:
                tallies[each.source].add(judged.rules, judged.counts)
        unpriced = _unpriced(con, checks) if unpriced_threshold is not None else {}
        for source, day, label in bronze.missing_columns(con):
            tallies[source].missing.setdefault(day, []).append(label)
        con.execute("drop table gate_schema")
        con.execute("drop table gate_volume")
    return GateResult(
        results=pl.DataFrame(results, schema=RESULT_SCHEMA).sort(
            "source", "rule", "day", maintain_order=True
        ),
        quarantine=con.sql(
            "select * from gate_quarantine"
            " order by source, rule, day nulls first, _load_id, _source_file, _source_row, record"
        ),
        blocked=blocked_days(
            tallies,
            sorted(days),
            threshold=block_threshold,
            unpriced=unpriced,
            unpriced_threshold=unpriced_threshold,
        ),
    )


def _unpriced(con: duckdb.DuckDBPyConnection, checks: list[Any]) -> dict[date, tuple[int, int]]:
    """Return day → (model calls without a price, model calls)."""
    (models,) = (each for each in checks if each.name == "models")
    rows = con.execute(
        "select day, coalesce(sum(calls) filter (where not is_priced), 0), sum(calls)"
        f" from ({models.query}) group by day"
    ).fetchall()
    return {day: (int(bare), int(calls)) for day, bare, calls in rows}


def check_marts(
    con: duckdb.DuckDBPyConnection, relations: Mapping[str, str], *, run_id: str
) -> pl.DataFrame:
    """Judge marts by the rules that their own declarations state, before they are released.

    The query form of a mart's rules is asked first, all in one query; Great Expectations judges
    every mart in which it finds something broken, and the two must agree. (A thousand rules that
    hold cost it half a minute, every time.)

    Args:
        con: A connection that sees the relations.
        relations: Mart → name of the table or view that holds it.
        run_id: Stands in every result row.

    Returns:
        Rows for ``ops.validation_result``, source ``marts``; a row with ``success`` False and
        severity ``critical`` must stop the release.

    Raises:
        Disagreement: Great Expectations finds a rule kept that its query form finds broken.
    """
    results = []
    for mart, relation in sorted(relations.items()):
        rules = declare.expectations(mart)
        rows, broken = count.count_marts(con, relation, rules)
        if any(broken):
            broken = _second_opinion(con, mart, relation, broken)
        results += [
            {
                "run_id": run_id,
                "source": "marts",
                "day": None,
                "rule": f"{mart}.{declare.rule_name(rule)}",
                "expectation": rule["type"],
                "column_name": _subject(rule),
                "severity": rule["severity"],
                "reason": rule["notes"],
                "success": not found,
                "checked": rows,
                "unexpected": found,
                "observed": None,
            }
            for rule, found in zip(rules, broken, strict=True)
        ]
    return pl.DataFrame(results, schema=RESULT_SCHEMA).sort("source", "rule", maintain_order=True)


def _second_opinion(
    con: duckdb.DuckDBPyConnection, mart: str, relation: str, broken: list[int]
) -> list[int]:
    """Let Great Expectations judge a mart, and return its counts."""
    suite = importlib.import_module("expectations.marts").suite(mart)
    judge = importlib.import_module("roi_engine.gate.judge")
    con.execute(f"create or replace temporary view gate_mart as select * from {relation}")
    verdicts = judge.judge(con, "gate_mart", suite)
    con.execute("drop view gate_mart")
    counted = [verdict.unexpected for verdict in verdicts]
    for rule, ours, theirs in zip(declare.expectations(mart), broken, counted, strict=True):
        if bool(ours) != bool(theirs):
            raise Disagreement(
                f"{mart}.{declare.rule_name(rule)}: Great Expectations counts {theirs} broken rows"
                f" and the query form {ours}; mend roi_engine/gate before any release"
            )
    return counted


def _subject(rule: dict[str, Any]) -> str | None:
    """Return the columns that a rule is about; one on the whole table is about none."""
    if rule["type"].startswith("expect_table_"):
        return None
    return ", ".join(columns(rule["kwargs"])) or None


@contextmanager
def _settings(con: duckdb.DuckDBPyConnection, reporting_currency: str) -> Iterator[None]:
    """Show the settings that rules depend on as the view ``gate_settings``."""
    con.execute(
        "create or replace temporary view gate_settings as"
        f" select {literal(reporting_currency)} as reporting_currency"
    )
    try:
        yield
    finally:
        con.execute("drop view gate_settings")
