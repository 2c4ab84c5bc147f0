"""A day of facts written by hand, answered by the marts' own queries."""

from datetime import date

import polars as pl
import pytest

from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS, fact
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params

DAY = date(2026, 1, 31)
CELL = {
    "agent_id": "triage",
    "model_version": "m-1",
    "task_type": "refund",
    "department": "support",
    "channel": "chat",
}


class Estate:
    """Facts by table; rows are added with defaults of one cell, then a mart is built."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict]] = {table: [] for table in FACTS}

    def spend(self, cost: str, **columns: object) -> None:
        """Add a billed line and its allocation."""
        self.rows["fct_cost_allocation"].append(
            {
                "charge_id": f"charge-{len(self.rows['fct_cost_allocation'])}",
                "day": DAY,
                **CELL,
                "outcome_class": "autonomous_success",
                "cost_class": "token_api",
                "charge_category": "Usage",
                "cost_basis": "billed",
                "allocated_cost": cost,
                **columns,
            }
        )

    def task(self, **columns: object) -> None:
        """Add a task and its credit."""
        name = f"task-{len(self.rows['fct_task'])}"
        credit = columns.pop("credit", {"triage": "1"})
        self.rows["fct_task"].append(
            {
                "task_id": name,
                "day": DAY,
                **CELL,
                "outcome_class": "autonomous_success",
                "is_ended": True,
                "is_output_delivered": True,
                "is_mature": True,
                "is_escalated": False,
                "human_minutes": "0",
                "human_cost": "0",
                "evidence": "measured",
                **columns,
            }
        )
        for agent, share in credit.items():
            self.rows["fct_task_credit"].append(
                {
                    "task_id": name,
                    "day": DAY,
                    "agent_id": agent,
                    "model_version": "m-1",
                    "credit": share,
                }
            )

    def action(self, **columns: object) -> None:
        """Add a billed step."""
        name = f"action-{len(self.rows['fct_agent_action'])}"
        self.rows["fct_agent_action"].append(
            {
                "action_id": name,
                "day": DAY,
                "agent_id": "triage",
                "model_version": "m-1",
                "operation": "chat",
                "is_rollup": False,
                "cost_status": "priced",
                **columns,
            }
        )

    def build(self, mart: str, days: tuple[date, ...] = (DAY,), **choices: object) -> pl.DataFrame:
        """Build a mart of the day, by other choices than the defaults.

        One that is made whole reads the daily ones of all days.
        """
        facts = {table: fact(table, rows) for table, rows in self.rows.items()}
        if DECLARED[mart].standing:
            read = {table for query in required(mart) for table in query.tables}
            given = {row["day"] for rows in self.rows.values() for row in rows if "day" in row}
            daily = tuple(sorted({DAY, *given}))
            facts |= {name: self.build(name, daily, **choices) for name in read & {*DECLARED}}
        params = Params(
            days=days,
            as_of=date(2026, 3, 1),
            transform_run_ids=dict.fromkeys(days, "run-1"),
            **choices,
        )
        answers = {query.name: run(query, facts, days) for query in required(mart)}
        return MARTS[mart].build(answers, params)

    def row(self, mart: str, agent: str = "triage") -> dict:
        """Return the one row of an agent."""
        return self.build(mart).row(by_predicate=pl.col("agent_id") == agent, named=True)


@pytest.fixture
def estate() -> Estate:
    return Estate()
