"""A tiny lake through dbt: spans and tickets become actions, tasks, credits and minutes.

The reporting zone is New York, over the night in which its clocks go forward.
"""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from roi_engine.sources.schema import PRICE_BOOK, REFERENCE, SPANS, TICKETS, Table
from tests.dbt.tiny import Row, facts_of

DAYS = ("2026-03-07", "2026-03-08", "2026-03-09")
FACTS = (
    *("fct_agent_action", "fct_task", "fct_task_credit", "fct_ticket", "fct_time_entry"),
    "dim_task_type",
)


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
                "approved_by": "cfo",
            },
            {"task_type": "claim", "baseline_minutes": "5", "basis": "published"},
        ],
    ),
]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Return the facts that dbt makes of ``ROWS``."""
    return facts_of(tmp_path_factory.mktemp("lake"), ROWS, DAYS, FACTS)


def _task(facts: dict[str, pl.DataFrame], task_id: str) -> Row:
    return facts["fct_task"].row(by_predicate=pl.col("task_id") == task_id, named=True)


def test_a_day_is_the_reporting_zones_over_a_clock_change(facts):
    assert _task(facts, "t1")["day"] == date(2026, 3, 8)


def test_numbers_that_nobody_approved_are_assumed(facts):
    kinds = dict(facts["dim_task_type"].select("task_type", "basis").iter_rows())
    assert kinds == {"refund": "measured", "claim": "assumed"}
    assert _task(facts, "t1")["evidence"] == "measured"


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
