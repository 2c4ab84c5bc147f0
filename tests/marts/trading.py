"""What the random estate knows of exchanges and mandates."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl

from roi_engine.marts.contract import fact

PARTIES = ("a1", "a2", "a3", None)
"""None is a party outside the estate."""


def facts(seed: int, work: list[dict], first: date, days: int) -> dict[str, pl.DataFrame]:
    """Return transactions on two exchanges, and mandates of every kind."""
    rng = np.random.default_rng([seed, 5])
    trades = []
    for number in range(len(work) // 4):
        buyer, seller = rng.choice(len(PARTIES), size=2, replace=False).tolist()
        trades.append(
            {
                "transaction_id": f"x-{number}",
                "day": first + timedelta(days=int(rng.integers(days))),
                "exchange": str(rng.choice(["compute", "data"])),
                "buyer_agent_id": PARTIES[buyer],
                "seller_agent_id": PARTIES[seller],
                "value": str(Decimal(int(rng.integers(10**9))).scaleb(-9)),
                "is_autonomous": bool(rng.random() < 0.7),
                "evidence": "measured" if rng.random() < 0.9 else "assumed",
            }
        )
    return {
        "fct_transaction": fact("fct_transaction", trades),
        "dim_mandate": fact("dim_mandate", list(_mandates(first)) if work else []),
    }


def _mandates(first: date):
    """Yield mandates that are within and over their limit, reached, missed, late and open."""
    kinds = [
        ("within", "a1", "9", {"valid_to": 4, "reached_on": 2}),
        ("over", "a1", "0.000000001", {"reached_on": 2}),
        ("missed", "a2", "9", {"valid_to": 3}),
        ("late", "a2", "9", {"valid_to": 3, "reached_on": 4}),
        ("open", "a3", "9", {}),
        ("unseen", "nobody", "9", {"reached_on": 2}),
        ("before", "a3", "9", {"valid_from": -3, "reached_on": 2}),
        ("later", "a3", "9", {"valid_from": 400}),
    ]
    for name, agent, limit, shifts in kinds:
        yield {
            "mandate_id": name,
            "agent_id": agent,
            "goal": f"Reach {name}.",
            "limit_amount": limit,
            "approved_by": "cfo" if name == "within" else None,
            "valid_from": first + timedelta(days=shifts.get("valid_from", 0)),
            **{
                column: first + timedelta(days=shifts[column])
                for column in ("valid_to", "reached_on")
                if column in shifts
            },
        }
