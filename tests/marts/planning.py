"""What the random estate knows of ensembles, training runs, investments and categories."""

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from roi_engine.marts.contract import fact


def describe(work: list[dict]) -> None:
    """Add to tasks who worked on them together."""
    for number, task in enumerate(work):
        together = number % 3 == 0 and task["agent_id"] != "__human__"
        task["ensemble_id"] = ("a1+a2" if number % 2 else "a1+a2+a3") if together else None


def facts(first: date, days: int) -> dict[str, pl.DataFrame]:
    """Return training runs, investments and agents as reference rows."""
    return {
        "fct_training_run": fact("fct_training_run", list(_runs(first, days))),
        "dim_investment": fact(
            "dim_investment",
            [
                _investment("a1", "0.310000001", first, 31, approved_by="cfo"),
                _investment("a1", "0.02", first + timedelta(days=10), 28),
                _investment("a2", "2", first + timedelta(days=3), 365, approved_by="cfo"),
                _investment("a3", "9", first - timedelta(days=900), 365, approved_by="cfo"),
            ],
        ),
        "dim_agent": fact(
            "dim_agent",
            [
                {"agent_id": "a1", "category": "service", "valid_to": first},
                {"agent_id": "a1", "category": "sales", "valid_from": first},
                {"agent_id": "a2", "category": "sales"},
                {"agent_id": "a3"},
            ],
        ),
    }


def _investment(agent: str, cost: str, starts: date, days: int, **columns: object) -> dict:
    ends = starts + timedelta(days=days)
    return {"agent_id": agent, "cost": cost, "starts_on": starts, "ends_on": ends, **columns}


def _runs(first: date, days: int):
    """Yield a run's book: 0.3 on the first day, done on the second, a cent a day from then on."""
    balance = Decimal(0)
    for shift in range(days):
        opening, added = balance, Decimal("0.3") if shift == 0 else Decimal(0)
        amortised = min(Decimal("0.01"), opening) if shift > 1 else Decimal(0)
        balance = opening + added - amortised
        yield {
            "run_id": "tune",
            "day": first + timedelta(days=shift),
            "model_version": "m1",
            "gpu_hours": "12.5",
            "flops": 1e18,
            "peak_vram_gib": "70",
            "completed_on": first + timedelta(days=1),
            "lifespan_days": 30,
            "opening_balance": str(opening),
            "additions": str(added),
            "amortised": str(amortised),
            "written_off": "0",
            "closing_balance": str(balance),
        }
