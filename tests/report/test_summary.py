"""The first table that anybody sees: what an agent does not have is a dash, never a zero."""

import duckdb
import pytest
from rich.console import Console

from roi_engine.report import summary

AGENT = (
    "('2026-01-02', 'triage', 12.5, 3, 40, 1.5, 0.9, 2.1, 0.61, 0.5, 0.7, 'self-directed', 'final')"
)
NEW = "('2026-01-02', 'new', 1, 0, 0, null, null, null, null, null, null, null, 'provisional')"


@pytest.fixture
def con():
    with duckdb.connect() as made:
        made.execute("create schema marts")
        made.execute("""
            create table marts.daily_asr (day date, agent_id varchar, spend_28d decimal(38,9),
                human_cost_28d decimal(38,9), gross_value_28d decimal(38,9), roi_28d double,
                roi_low_28d double, roi_high_28d double, asr_spend_28d double,
                asr_spend_low_28d double, asr_spend_high_28d double, band varchar, status varchar)
        """)
        made.execute(f"insert into marts.daily_asr values {AGENT}, {NEW}")
        made.execute("""
            create table marts.daily_hallucination_adjusted_cost as select
                date '2026-01-02' as day, 'triage' as agent_id, 9.0 as hallucination_adjusted_cost,
                4 as verified_outputs
        """)
        made.execute("""
            create table marts.daily_roi as
            select date '2026-01-02' as day, 'triage' as agent_id, 10 as total_cost,
                40 as gross_value, 10 as assumed_value
            union all select date '2026-01-01', '__idle__', 7, 0, 0
            union all select date '2025-12-01', '__idle__', 99, 0, 0
        """)
        yield made


def shown(table):
    console = Console(width=200)
    with console.capture() as text:
        console.print(table)
    return [line.split() for line in text.get().splitlines()]


def test_one_row_an_agent_the_dearest_first_and_what_nobody_carries_below(con):
    assert summary.last_day(con) == "2026-01-02"
    _, triage, new, idle = shown(summary.agents(con, "2026-01-02"))
    assert triage == [
        "triage",
        "12.50",
        "3.00",
        "+24.50",
        "1.50",
        "[0.90,",
        "2.10]",
        "0.61",
        "[0.50,",
        "0.70]",
        "self-directed",
        "2.25",
    ]
    assert new == ["new", "1.00", "0.00", "-1.00", "–", "–", "–", "–"]
    # the window holds 28 days: what was idle before it is not shown
    assert idle == ["__idle__", "7.00", *["–"] * 6]


def test_the_footing_tells_assumptions_and_maturity(con):
    assert summary.footing(con, "2026-01-02") == (
        "25% of the day's value rests on assumptions · 2026-01-02 is provisional"
    )


def test_an_upper_limit_that_says_nothing_is_told_in_words(con):
    assert "open" not in summary.footing(con, "2026-01-02")
    con.execute("update marts.daily_asr set roi_high_28d = 147 where agent_id = 'triage'")
    _, triage, *_ = shown(summary.agents(con, "2026-01-02"))
    assert triage[4:7] == ["1.50", "[0.90,", "open]"]
    assert "open: a few days that brought much decide" in summary.footing(con, "2026-01-02")
