"""What mandates and exchanges ask: reference rows, agents' days, and both sides of transactions."""

from roi_engine.marts.facts import Count, FactQuery, Sum
from roi_engine.marts.money import NANO
from roi_engine.marts.queries import WINDOW
from roi_engine.marts.queries_planning import YEAR_DAYS

SIDES = ("buyer", "seller")


def _own(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


MANDATE_ROWS = FactQuery(
    "mandate_rows",
    "dim_mandate",
    by=(
        *_own("mandate_id", "agent_id", "goal", "valid_from", "valid_to", "reached_on"),
        ("is_approved", "approved_by is not null"),
    ),
    sums=(Sum("limit_amount", "limit_amount", NANO),),
    reaches_back=None,
    about="What each mandate says.",
)
MANDATE_DAYS = FactQuery(
    "mandate_days",
    "daily_asr",
    by=_own("day", "agent_id", "cost_basis", "status"),
    sums=(Sum("spend", "spend", NANO),),
    reaches_back=YEAR_DAYS - 1,
    about="Cost of each agent's days over a year; days that nobody has a row of were not built.",
)


def _traded(side: str, what: str) -> FactQuery:
    return FactQuery(
        f"{what}_on_exchanges",
        "fct_transaction",
        by=(("day", "day"), ("agent_id", f"{side}_agent_id"), ("exchange", "exchange")),
        sums=(
            Sum(f"transaction_value_{side}", "value", NANO),
            Sum(f"autonomous_transaction_value_{side}", "value", NANO, "is_autonomous"),
        ),
        counts=(
            Count(f"transactions_{side}"),
            Count(f"autonomous_transactions_{side}", "is_autonomous"),
            Count("assumed_transactions", "coalesce(evidence, 'assumed') = 'assumed'"),
        ),
        where=f"{side}_agent_id is not null",
        reaches_back=WINDOW,
        about=f"What each agent {what} on each exchange, and how much of it no person approved.",
    )


TRADES = {"buyer": _traded("buyer", "bought"), "seller": _traded("seller", "sold")}
"""Side → what agents traded on it."""
