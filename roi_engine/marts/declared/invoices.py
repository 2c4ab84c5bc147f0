"""Declarations of daily_invoice and invoice_tieout: every invoice, and where its lines went."""

from roi_engine.marts.columns import DAY, MONEY, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, money

_LINES = ("fct_charge.cost", "fct_charge.invoice_id")
_PARTS = (
    "fct_cost_allocation.allocated_cost",
    "fct_cost_allocation.agent_id",
    "fct_charge.invoice_id",
)
_MEMBERS = {
    "unallocated": "The part that has nobody to charge.",
    "idle": "The part that paid for capacity which nobody used.",
    "out_of_scope": "The part that is not what agents cost.",
    "deferred": "The part that is capitalised and paid off later.",
}


def _keys(table: str) -> tuple[Column, ...]:
    return (
        key("provider", "Who billed.", (f"{table}.provider",), "§9"),
        Column(
            "billing_period",
            DAY,
            "day",
            "First day of the billing period; 0001-01-01 where the line names none.",
            "",
            ("fct_charge.billing_period_start",),
            "§9",
            grain=True,
        ),
        key(
            "invoice_id",
            "The invoice; __unknown__ while the provider has not named one.",
            (f"{table}.invoice_id",),
            "§9",
        ),
        key("billing_currency", "Currency of the invoice.", (f"{table}.billing_currency",), "§9"),
    )


def _amounts(own: bool) -> tuple[Column, ...]:
    def of(name: str, facts: tuple[str, ...]) -> tuple[str, ...]:
        return facts if own else (f"daily_invoice.{name}",)

    return (
        Column(
            "invoiced",
            MONEY,
            "billing currency",
            "What the invoice itself says: BilledCost of its lines, in its own currency.",
            "Σ billed_cost, rounded once a day",
            of("invoiced", ("fct_charge.billed_cost",)),
            "§9",
            measure="case when count(distinct billing_currency) = 1 then sum(invoiced) end",
        ),
        money("charged", "Its lines by the cost measure.", "Σ cost", of("charged", _LINES), "§9"),
        money(
            "allocated",
            "What was handed on of these lines.",
            "Σ allocated_cost of its charges",
            of("allocated", _PARTS),
            "§9",
        ),
        money(
            "to_agents",
            "The part that agents bear.",
            "allocated − unallocated − idle − out_of_scope − deferred",
            ("allocated", *_MEMBERS),
            "§9",
        ),
        *(
            money(name, about, f"Σ allocated_cost on __{name}__", of(name, _PARTS), "§9")
            for name, about in _MEMBERS.items()
        ),
        money(
            "difference",
            "What is lost between the invoice and its parts: 0.",
            "charged − allocated",
            ("charged", "allocated"),
            "§9",
        ),
        count(
            "line_days",
            "Lines, counted on each day that they charge.",
            "count",
            of("line_days", ("fct_charge.charge_id",)),
            "§9",
        ),
    )


DAILY_INVOICE = Mart(
    name="daily_invoice",
    about="What each invoice charges for a day, and where it went.",
    row="One row per day, provider, billing period, invoice and billing currency.",
    section="§9",
    columns=(KEYS["day"], *_keys("fct_charge"), *_amounts(own=True), *TRUST),
)

INVOICE_TIEOUT = Mart(
    name="invoice_tieout",
    about="Every invoice tied out: its lines against what was allocated of them.",
    row="One row per provider, billing period, invoice and billing currency.",
    section="§9",
    standing=True,
    columns=(
        Column(
            "as_of_day",
            DAY,
            "day",
            "The newest day of the release.",
            "",
            ("daily_invoice.day",),
            "§10",
            grain=True,
        ),
        *_keys("daily_invoice"),
        Column(
            "first_day",
            DAY,
            "day",
            "First day that it charges.",
            "min",
            ("daily_invoice.day",),
            "§9",
        ),
        Column(
            "last_day", DAY, "day", "Last day that it charges.", "max", ("daily_invoice.day",), "§9"
        ),
        *_amounts(own=False),
        choice(
            "verdict",
            "gap where what was allocated is not what was charged: it alerts.",
            "difference ≠ 0",
            ("difference",),
            "§9",
            values=("tied", "gap"),
        ),
        *TRUST,
    ),
    notes=("invoiced is in the invoice's own currency; all other money in the reporting one.",),
)
