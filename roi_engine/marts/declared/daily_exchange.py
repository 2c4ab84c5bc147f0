"""Declaration of daily_exchange: what agents buy and sell on exchanges, for a unit of spend."""

from roi_engine.marts.columns import TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, money, quotient, ratio

_FACT = "fct_transaction"
_COST = "fct_cost_allocation.allocated_cost"
DONE = {"buyer": "bought", "seller": "sold"}


def _side(side: str) -> tuple[Column, ...]:
    done, who = DONE[side], f"{_FACT}.{side}_agent_id"
    total, alone, spend = (
        f"{name}_{side}" for name in ("transaction_value", "autonomous_transaction_value", "spend")
    )
    return (
        count(f"transactions_{side}", f"Transactions in which it {done}.", "count", (who,), "§5"),
        count(
            f"autonomous_transactions_{side}",
            "Of these, such as no person approved.",
            "count",
            (who, f"{_FACT}.is_autonomous"),
            "§5",
        ),
        money(total, f"Value of what it {done}.", "Σ value", (who, f"{_FACT}.value"), "§5", low=0),
        money(
            alone,
            "Of this, what no person approved.",
            "Σ value of autonomous transactions",
            (who, f"{_FACT}.value", f"{_FACT}.is_autonomous"),
            "§5",
            low=0,
        ),
        money(
            spend,
            f"What the agent cost on the day, if it {done} anything within D−27 … D; else 0.",
            "spend while it takes part on this side",
            ("spend", who),
            "§5",
        ),
        ratio(
            f"exchange_asr_{side}",
            f"Value that it {done} without people, for a unit of spend.",
            f"{alone} / {spend}",
            (alone, spend),
            "§5",
            measure=quotient(alone, spend),
        ),
    )


DAILY_EXCHANGE = Mart(
    name="daily_exchange",
    about="What agents bought and sold on exchanges without a person, for a unit of spend, as"
    " buyers and as sellers.",
    row="One row per day and agent that bought or sold anything within D−27 … D.",
    section="§5",
    columns=(
        KEYS["day"],
        key(
            "agent_id",
            "The agent that trades.",
            (f"{_FACT}.buyer_agent_id", f"{_FACT}.seller_agent_id"),
            "§5",
        ),
        Column(
            "exchanges",
            TEXT,
            "names",
            "Exchanges on which it traded on the day, sorted, with semicolons; NULL where none.",
            "",
            (f"{_FACT}.exchange",),
            "§5",
            nullable=True,
        ),
        *_side("buyer"),
        *_side("seller"),
        money(
            "spend",
            "What the agent cost on the day, once, whatever it did and wherever it traded.",
            "Σ allocated_cost",
            (_COST,),
            "§5",
        ),
        choice(
            "evidence",
            "Weakest evidence behind the day's transactions.",
            "assumed if any names no record of the exchange, else measured",
            (f"{_FACT}.evidence",),
            "§9",
            values=("measured", "assumed"),
        ),
        *(column for column in TRUST if column.name != "evidence"),
    ),
    notes=(
        "An agent's cost of a day knows no exchange and no side, so exchanges are no part of the"
        " grain: `spend` is in one row and adds up. An agent that trades on both sides has its"
        " cost in `spend_buyer` and in `spend_seller`; these two must not be added to each other,"
        " nor must the two values: what one agent sells another may have bought"
        " (docs/decisions/0025-exchanges-by-agent.md).",
        "Values by exchange add up in `facts.fct_transaction`.",
    ),
)
