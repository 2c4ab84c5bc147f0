"""A tiny lake through dbt: spans and tickets become actions, tasks, credits and minutes.

The reporting zone is New York, over the night in which its clocks go forward.
"""

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from roi_engine import dbt, landing
from roi_engine.landing.loading import bronze_path
from roi_engine.sources.schema import PRICE_BOOK, REFERENCE, SPANS, TICKETS, Table
from roi_engine.warehouse import draft, lake

DAYS = ("2026-03-07", "2026-03-08", "2026-03-09")
FACTS = ("fct_agent_action", "fct_task", "fct_task_credit", "fct_ticket", "fct_time_entry")

Row = dict[str, object]


def _span(span_id: str, task_id: str | None, agent_id: str, start: str, end: str, **said) -> Row:
    return {
        "trace_id": "trace",
        "span_id": span_id,
        "conversation_id": task_id,
        "agent_id": agent_id,
        "operation": "chat",
        "provider": "openai",
        "response_model": "omni",
        "input_tokens": 1_000_000,
        "output_tokens": 100_000,
        "started_at": start,
        "ended_at": end,
        **said,
    }


def _ticket(task_id: str, created: str, resolved: str, **said) -> Row:
    return {
        "system": "zendesk",
        "ticket_id": f"zendesk:{task_id}",
        "correlation_id": task_id,
        "status": "solved",
        "task_type": "refund",
        "agent_id": "planner",
        "is_person_assigned": False,
        "created_at": created,
        "updated_at": resolved,
        "resolved_at": resolved,
        **said,
    }


def _price(bucket: str, per_million: str) -> Row:
    return {
        "provider": "openai",
        "model": "omni",
        "bucket": bucket,
        "price_per_million": per_million,
        "currency": "USD",
    }


ROWS: list[tuple[Table, list[Row]]] = [
    (
        SPANS,
        [
            # 23:30 on the 8th in New York, where summer time began that morning
            _span("a", "t1", "planner", "2026-03-09 03:30:00", "2026-03-09 03:30:10"),
            _span("b", "t1", "closer", "2026-03-09 03:30:05", "2026-03-09 03:30:15"),
            _span("b", "t1", "closer", "2026-03-09 03:30:05", "2026-03-09 03:30:15"),
            _span(
                *("root", "t1", "planner", "2026-03-09 03:29:00", "2026-03-09 03:31:00"),
                operation="invoke_agent",
            ),
            _span(
                *("c", "t2", "planner", "2026-03-08 12:00:00", "2026-03-08 12:00:01"),
                response_model="nobody-prices-this",
            ),
            _span("d", None, "planner", "2026-03-08 12:00:00", "2026-03-08 12:00:01"),
        ],
    ),
    (
        TICKETS,
        [
            _ticket("t1", "2026-03-09 03:00:00", "2026-03-09 03:40:00"),
            _ticket("t3", "2026-03-07 12:00:00", "2026-03-07 13:00:00", is_escalated=True),
        ],
    ),
    (PRICE_BOOK, [_price("input_uncached", "2"), _price("output", "10")]),
    (
        REFERENCE["task_types"],
        [
            {
                "task_type": "refund",
                "baseline_minutes": "12",
                "hourly_cost": "50",
                "remediation_minutes": "15",
                "currency": "USD",
                "basis": "measured",
            }
        ],
    ),
]


def _write_bronze(con: duckdb.DuckDBPyConnection, root: Path, table: Table, rows: list[Row]) -> str:
    load_id = f"load_of_{table.name}"
    given = pl.DataFrame(
        [row | {"_source_row": number} for number, row in enumerate(rows, start=1)],
        infer_schema_length=None,
    ).with_columns(_load_id=pl.lit(load_id), _source_file=pl.lit("file"))
    con.register("given", given.to_arrow())
    places = {name: f'"{name}"' if name in given.columns else "null" for name in table.all_columns}
    columns = ", ".join(
        f'{places[name]}::{kind} as "{name}"' for name, kind in table.all_columns.items()
    )
    moments = given[table.day_from].str.slice(0, 10).unique() if table.day_from else [None]
    for day in moments:
        target = bronze_path(root, table.source, table.name, load_id, day)
        target.parent.mkdir(parents=True, exist_ok=True)
        only = f"where {table.day_from}::date = '{day}'" if day else ""
        con.execute(f"copy (select {columns} from given {only}) to '{target}' (format parquet)")
    con.unregister("given")
    return load_id


def _run_dbt(root: Path) -> None:
    """Run the models of the facts and no others: the rest of the project has its own tests."""
    variables = {"as_of": "2026-03-20", "reporting_timezone": "America/New_York"}
    command = [
        *(str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "run"),
        *("--project-dir", str(dbt.PROJECT), "--profiles-dir", str(dbt.PROJECT)),
        *("--target-path", str(root / "target"), "--log-path", str(root / "target")),
        *("--vars", json.dumps(variables)),
        *("--select", *(f"+{fact}" for fact in FACTS)),
    ]
    environment = os.environ | {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    done = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Return the facts that dbt makes of ``ROWS``."""
    root = tmp_path_factory.mktemp("lake")
    landing.prepare(root)
    with lake.connect(root) as con:
        for table, rows in ROWS:
            load_id = _write_bronze(con, root, table, rows)
            con.execute("insert into ops.active_load values (?, ?, 1)", [load_id, table.source])
        for day in DAYS:
            con.execute("insert into ops.run_day values (?, 'passed', null, 'run', true)", [day])
            for source in ("tokens", "tickets"):
                con.execute("insert into ops.read_day (source, day) values (?, ?)", [source, day])
    _run_dbt(root)
    with lake.connect(root, read_only=True) as con, draft.opened(con, root):
        return {fact: con.execute(f"from draft.{fact}").pl() for fact in FACTS}


def _task(facts: dict[str, pl.DataFrame], task_id: str) -> Row:
    return facts["fct_task"].row(by_predicate=pl.col("task_id") == task_id, named=True)


def test_a_day_is_the_reporting_zones_over_a_clock_change(facts):
    assert _task(facts, "t1")["day"] == date(2026, 3, 8)


def test_a_record_delivered_twice_is_one_action_and_a_rollup_adds_nothing(facts):
    actions = facts["fct_agent_action"].filter(pl.col("task_id") == "t1")
    assert actions.height == 3
    assert _task(facts, "t1")["actions"] == 2
    assert _task(facts, "t1")["priced_cost"] == Decimal("6.000000000")


def test_what_has_no_price_stays_unpriced(facts):
    action = facts["fct_agent_action"].row(by_predicate=pl.col("span_id") == "c", named=True)
    assert (action["cost_status"], action["priced_cost"]) == ("unpriced", None)
    assert _task(facts, "t2")["outcome_class"] == "unobserved"


def test_an_action_of_no_task_is_overhead_and_makes_no_task(facts):
    action = facts["fct_agent_action"].row(by_predicate=pl.col("span_id") == "d", named=True)
    assert action["is_overhead"]
    assert sorted(facts["fct_task"]["task_id"]) == ["t1", "t2", "t3"]


def test_the_last_caller_has_the_credit_and_parallel_calls_count_once(facts):
    task = _task(facts, "t1")
    assert task["outcome_class"] == "autonomous_success"
    assert task["agent_id"] == "closer"
    assert task["inference_microseconds"] == 15_000_000
    # (12 · 60 − 15) / 3600 · 50
    assert task["labour_value"] == Decimal("9.791666666666666667")
    credit = facts["fct_task_credit"].filter(pl.col("task_id") == "t1")
    assert credit.select("agent_id", "credit").rows() == [("closer", Decimal(1))]


def test_an_escalation_costs_the_minutes_that_are_assumed(facts):
    entry = facts["fct_time_entry"].row(by_predicate=pl.col("task_id") == "t3", named=True)
    assert (entry["basis"], entry["human_cost"]) == ("assumed", Decimal("12.500000000"))
    assert _task(facts, "t3")["outcome_class"] == "assisted_success"
    assert _task(facts, "t3")["evidence"] == "assumed"
