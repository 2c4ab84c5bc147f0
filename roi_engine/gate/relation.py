"""One relation, judged: verdicts, counts by day, result rows, and its broken rows to quarantine."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from roi_engine.gate import count
from roi_engine.gate.predicate import quote
from roi_engine.gate.replaced import Exports
from roi_engine.gate.rules import DayCount, Rule, Verdict
from roi_engine.sources import schema

_VIEW = "gate_relation"
_FEW_ROWS = 250_000


class Disagreement(Exception):
    """Great Expectations and the query form count differently: a bug in the translation."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a relation gave: its rules, the counts that decide on days, and rows for the results."""

    rules: list[Rule]
    counts: list[DayCount]
    results: list[dict[str, Any]]


def check_relation(
    con: duckdb.DuckDBPyConnection, check: Any, *, run_id: str, exports: Exports | None = None
) -> Judged:
    """Judge one ``expectations.check.Check``; its broken rows go to ``gate_quarantine``.

    With ``exports`` the rows that a newer export replaces are judged, and do not count.

    Raises:
        Disagreement: The query form of a rule counts other rows than Great Expectations does.
    """
    kind = _show(con, check)
    try:
        names = {row[0] for row in con.execute(f"describe {_VIEW}").fetchall()}
        # fx_rates has a day of its own, which is not a day of work
        has_days = "day" in names and check.source != "reference"
        rules = rules_of(check)
        counts = count.count_days(con, _VIEW, rules, has_days=has_days)
        verdicts = _verdicts(con, check, counts)
        _compare(rules, counts, verdicts)
        _quarantine(con, check, rules, verdicts, has_days=has_days)
        results: list[dict[str, Any]] = []
        for place, (rule, verdict) in enumerate(zip(rules, verdicts, strict=True)):
            observed: dict[date | None, str] = {}
            if not verdict.success:
                observed = count.observed_values(
                    con, _VIEW, rule, about=check.about, has_days=has_days
                )
            unexpected = [(each.day, each.rows, each.broken[place]) for each in counts]
            rows = _result_rows(rule, verdict, unexpected, observed)
            results += [{"run_id": run_id, "source": check.source, **row} for row in rows]
        if exports is not None and any(each.critical for each in counts):
            current = exports.current(con, _VIEW, rules, _derived(check))
            counts = count.count_days(con, current, rules, has_days=has_days)
            exports.forget(con)
        return Judged(rules, counts, results)
    finally:
        con.execute(f"drop {kind} {_VIEW}")


def _show(con: duckdb.DuckDBPyConnection, check: Any) -> str:
    """Show the rows to judge as ``_VIEW``; return which kind of relation it is.

    They are asked for several times. Groups, and rows that fit into little memory, are read once:
    of many days they lie in many small files, which cost more to open than to read.
    """
    body = _body(check)
    con.execute(f"create or replace temporary view {_VIEW} as {body}")
    rows = con.execute(f"select count(*) from {_VIEW}").fetchone() or (0,)
    if check.query is None and rows[0] > _FEW_ROWS:
        return "view"
    con.execute(f"drop view {_VIEW}")
    con.execute(f"create temporary table {_VIEW} as {body}")
    return "table"


def rules_of(check: Any) -> list[Rule]:
    """Return the rules of a check: named after its table, or after the source of its groups."""
    has_rows = check.query is None
    owner = check.name if has_rows else check.source
    return [Rule.of(owner, each, has_rows=has_rows) for each in check.suite.expectations]


def _body(check: Any) -> str:
    if check.query is not None:
        return str(check.query)
    return f"select this.*{_derived(check)} from bronze_{check.name} as this"


def _derived(check: Any) -> str:
    return "".join(f", {sql} as {quote(name)}" for name, sql in check.derived.items())


def _verdicts(con: duckdb.DuckDBPyConnection, check: Any, counts: list[DayCount]) -> list[Verdict]:
    """Return the verdicts on the relation; an empty one breaks no rule about its rows."""
    if not any(each.rows for each in counts):
        return [Verdict(True, 0, 0, "no rows")] * len(check.suite.expectations)
    judge = importlib.import_module("roi_engine.gate.judge")
    verdicts: list[Verdict] = judge.judge(con, _VIEW, check.suite)
    return verdicts


def _compare(rules: list[Rule], counts: list[DayCount], verdicts: list[Verdict]) -> None:
    for place, (rule, verdict) in enumerate(zip(rules, verdicts, strict=True)):
        counted = sum(each.broken[place] for each in counts)
        if counted != verdict.unexpected:
            raise Disagreement(
                f"{rule.name}: Great Expectations counts {verdict.unexpected} broken rows and the"
                f" query form {counted}; mend roi_engine/gate/predicate.py before any day passes"
            )


def _quarantine(
    con: duckdb.DuckDBPyConnection,
    check: Any,
    rules: list[Rule],
    verdicts: list[Verdict],
    *,
    has_days: bool,
) -> None:
    named = [
        rule
        for rule, verdict in zip(rules, verdicts, strict=True)
        if rule.quarantines and not verdict.success
    ]
    if not named:
        return
    fields = next(
        table.columns
        for table in schema.TABLES
        if (table.source, table.name) == (check.source, check.name)
    )
    count.quarantine(con, _VIEW, named, source=check.source, fields=fields, has_days=has_days)


def _result_rows(
    rule: Rule,
    verdict: Verdict,
    unexpected: list[tuple[date | None, int, int]],
    observed: dict[date | None, str],
) -> Iterator[dict[str, Any]]:
    """Yield one row over all days, and one for each day on which the rule is broken."""
    common = {
        "rule": rule.name,
        "expectation": rule.expectation,
        "column_name": ", ".join(rule.columns),
        "severity": rule.severity,
        "reason": rule.reason,
    }
    yield common | {
        "day": None,
        "success": verdict.success,
        "checked": verdict.checked,
        "unexpected": verdict.unexpected,
        "observed": observed.get(None, verdict.observed),
    }
    for day, rows, broken in unexpected:
        if day is not None and broken:
            yield common | {
                "day": day,
                "success": False,
                "checked": rows,
                "unexpected": broken,
                "observed": observed.get(day),
            }
