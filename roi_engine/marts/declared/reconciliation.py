"""Declaration of reconciliation: why a provider's bill is not what the spans add up to."""

from roi_engine.marts.columns import COUNT, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, ratio

KINDS = {
    "plain": "start",
    "cache": "difference",
    "tier": "difference",
    "price_book": "subtotal",
    "unpriced": "difference",
    "untraced": "difference",
    "discount": "difference",
    "late": "difference",
    "retry": "difference",
    "correction": "difference",
    "adjustment": "difference",
    "purchase": "difference",
    "tax": "difference",
    "credit": "difference",
    "unexplained": "difference",
    "bill": "end",
    "gateway": "memo",
    "gateway_difference": "memo",
}
"""Step → what it is; the start and the differences add up to the end, exactly."""
STEPS = tuple(KINDS)
VERDICTS = ("within", "gap")

_SPANS = ("fct_agent_action.priced_cost", "fct_agent_action.input_uncached_tokens")
_BILL = ("fct_charge.cost", "fct_charge.origin", "fct_charge.charge_category")
_ALL = (
    *_SPANS,
    *_BILL,
    "fct_charge.list_cost",
    "fct_cost_allocation.allocated_cost",
    "fct_cost_allocation.reason",
    "fct_gateway_cost.logged_cost",
    "dim_price.input_uncached_per_million",
)


def _reported(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    """Declare money that stands once per day and provider, where a report is known."""
    return Column(
        name, MONEY, "currency", about, formula, inputs, "§9", nullable=True, additive=True
    )


RECONCILIATION = Mart(
    name="reconciliation",
    about="Why a model provider's bill is not what the traced calls add up to.",
    row="One row per day, provider and step, for providers with model calls, token charges or a"
    " cost report of their own.",
    section="§9",
    columns=(
        KEYS["day"],
        key(
            "provider",
            "The model provider, in small letters.",
            ("fct_agent_action.provider", "fct_charge.provider", "fct_provider_report.provider"),
            "§9",
        ),
        Column(
            "step",
            TEXT,
            "name",
            "plain: every traced token at the standard tier's plain rate. cache, tier: what caches"
            " and tiers change of it. price_book: spans × price book. unpriced: billed for calls"
            " that have no price. untraced: billed for usage that no trace shows. discount: billed"
            " below (or above) list price. late: traced, and not on any bill yet. retry: failed"
            " attempts that the bill does not hold, at most what the spans have over it."
            " correction, adjustment, purchase, tax, credit: lines of the bill that are no usage."
            " unexplained: what no rule explains. bill: the provider's lines. gateway: the"
            " gateway's own log, and its difference from the price book for the same calls.",
            "see the mart's notes",
            _ALL,
            "§9",
            grain=True,
            values=STEPS,
        ),
        choice(
            "kind",
            "start + all differences = end; a subtotal repeats them, a memo stands beside them.",
            "by step",
            _ALL,
            "§9",
            values=("start", "difference", "subtotal", "end", "memo"),
        ),
        Column(
            "position",
            COUNT,
            "place",
            "Where the step stands when the rows are read as a statement.",
            "by step",
            _ALL,
            "§9",
            low=1,
        ),
        Column(
            "amount",
            MONEY,
            "currency",
            "Money of the step; negative where the bill is smaller for it.",
            "exact sums; one rounding each for cache, tier, unpriced and discount",
            _ALL,
            "§9",
            measure="case when count(distinct step) = 1 then sum(amount) end",
        ),
        count(
            "items",
            "Calls or bill lines behind the step.",
            "count",
            ("fct_agent_action.action_id", "fct_charge.charge_id"),
            "§9",
            additive=False,
        ),
        ratio(
            "share_of_bill",
            "What is unexplained, against the bill (or the price book, where that is more).",
            "amount / max(|bill|, |price_book|), of step unexplained",
            ("amount",),
            "§9",
        ),
        _reported(
            "provider_reported_cost",
            "What the provider's own cost report says of the day; no cost is made of it. On the row"
            " of step bill, and NULL where no report is there or one of its amounts is not known.",
            "sum of the reports that came last",
            ("fct_provider_report.reported_cost",),
        ),
        _reported(
            "report_over_price_book",
            "What the provider's report says beyond spans × price book: usage that the traces or"
            " the price list do not have. On the row of step bill.",
            "provider_reported_cost − amount of price_book",
            ("provider_reported_cost", "amount"),
        ),
        _reported(
            "bill_over_report",
            "What the bill says beyond the provider's report: taxes, credits, late or lost lines."
            " On the row of step bill.",
            "amount of bill − provider_reported_cost",
            ("provider_reported_cost", "amount"),
        ),
        choice(
            "verdict",
            "gap where more is unexplained than is tolerated: it alerts.",
            "|unexplained| > max(reconciliation_tolerance · max(|bill|, |price_book|),"
            " reconciliation_tolerance_amount), exact",
            ("amount",),
            "§9",
            values=VERDICTS,
            nullable=True,
        ),
        *TRUST,
    ),
    notes=(
        "Per provider and day: amounts of kind start and difference add up to bill, to the last"
        " nano-unit. Never add over kinds.",
        "cache and tier need rates in the reporting currency; elsewhere they are part of plain.",
        "report_over_price_book + bill_over_report = bill − price_book, where the report is known:"
        " how much of the difference the provider's own report shares, and how much it does not.",
        "discount needs list prices in the reporting currency on all usage lines of a model.",
    ),
)
