"""Declaration of daily_wallet: what a budget allowed, what is left of it, and how fast it goes."""

from roi_engine.marts.columns import COUNT, DAY, FLAG, MONEY, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, key, money, quotient, ratio

ENTRY = "fct_wallet_entry"
PERIODS = ("day", "week", "month")
LOW_YIELD = 1.0
"""asr_value_28d under which a wallet that empties early is no good sign."""
UNDER_USED = 0.2
"""Projected share of the allowance under which it is hardly used."""


def _flag(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    return Column(name, FLAG, "yes or no", about, formula, inputs, "§5")


DAILY_WALLET = Mart(
    name="daily_wallet",
    about="What each budget allowed, what its agents spent of it, and when it will be empty.",
    row="One row per day and wallet that has an allowance.",
    section="§5",
    columns=(
        KEYS["day"],
        key(
            "wallet_id",
            "The wallet: a budget that one or more agents share.",
            (f"{ENTRY}.wallet_id",),
            "§5",
        ),
        choice(
            "period",
            "What the allowance is for.",
            "as in wallets.csv",
            (f"{ENTRY}.period",),
            "§5",
            values=PERIODS,
        ),
        Column(
            "period_start",
            DAY,
            "day",
            "First day of the period; weeks begin on Monday.",
            "",
            (f"{ENTRY}.period_start",),
            "§5",
        ),
        Column(
            "period_days",
            COUNT,
            "days",
            "Length of the period.",
            "",
            (f"{ENTRY}.period_days",),
            "§5",
            low=1,
            high=31,
        ),
        count(
            "agents",
            "Agents that share the wallet.",
            "count",
            (f"{ENTRY}.agent_id",),
            "§5",
            additive=False,
        ),
        Column(
            "allowance",
            MONEY,
            "currency",
            "Allowance of the whole period; the same on each of its days.",
            "wallets.csv, at the day's own rate",
            (f"{ENTRY}.allowance",),
            "§5",
        ),
        money(
            "day_allowance",
            "The day's part of it; the parts of a period add up to the allowance.",
            "allowance spread over period_days to the nano-unit, the first days take the rest",
            ("allowance", "period_days"),
            "§5",
        ),
        money(
            "spent",
            "What the wallet's agents cost on the day.",
            "Σ allocated_cost",
            (f"{ENTRY}.spent",),
            "§5",
        ),
        money(
            "autonomous_spend",
            "Of this, spent on goals reached alone.",
            "Σ over the wallet's agents",
            ("daily_asr.autonomous_spend",),
            "§5",
        ),
        money(
            "autonomous_value",
            "What they created without people on the day.",
            "Σ over the wallet's agents",
            ("daily_asr.autonomous_value",),
            "§5",
        ),
        Column(
            "spent_to_date",
            MONEY,
            "currency",
            "Spent since the period began, this day included.",
            "Σ spent from period_start",
            ("spent", "period_start"),
            "§5",
        ),
        Column(
            "remaining",
            MONEY,
            "currency",
            "What is left of the allowance; negative where it is overspent.",
            "allowance − spent_to_date",
            ("allowance", "spent_to_date"),
            "§5",
        ),
        ratio(
            "utilisation",
            "Share of the allowance that is spent.",
            "spent_to_date / allowance",
            ("spent_to_date", "allowance"),
            "§5",
        ),
        ratio(
            "asr_allowance",
            "Spend on goals reached alone against the allowance.",
            "autonomous_spend / day_allowance",
            ("autonomous_spend", "day_allowance"),
            "§5",
            measure=quotient("autonomous_spend", "day_allowance"),
        ),
        ratio(
            "asr_value_28d",
            "What a unit of the wallet's money brought without people, over 28 days.",
            "Σ autonomous_value_28d / Σ spend_28d over the wallet's agents",
            ("daily_asr.autonomous_value_28d", "daily_asr.spend_28d"),
            "§5",
        ),
        ratio(
            "spend_rate",
            "Mean spend of a day over the last seven.",
            "Σ spent over D−6 … D / days with an entry",
            ("spent",),
            "§5",
            unit="currency per day",
        ),
        ratio(
            "projected_spend",
            "Spend at the period's end, if the rate holds.",
            "spent_to_date + spend_rate · days left",
            ("spent_to_date", "spend_rate", "period_days"),
            "§5",
            unit="currency",
        ),
        Column(
            "projected_exhaustion_day",
            DAY,
            "day",
            "Day on which the wallet is empty, if the rate holds; NULL if not in this period.",
            "day + ⌈remaining / spend_rate⌉, the day itself once nothing is left",
            ("remaining", "spend_rate"),
            "§5",
            nullable=True,
        ),
        Column(
            "peak_hour_cost",
            MONEY,
            "currency",
            "The dearest clock hour of the day, at list prices.",
            "max over hours of Σ priced_cost of the wallet's agents",
            (f"{ENTRY}.wallet_peak_hour_priced_cost",),
            "§5",
        ),
        Column(
            "slope_limit_per_hour",
            MONEY,
            "currency",
            "What an hour may cost; NULL where there is no limit.",
            "wallets.csv, at the day's own rate",
            (f"{ENTRY}.slope_limit_per_hour",),
            "§5",
            nullable=True,
        ),
        ratio(
            "slope",
            "The dearest hour against the limit.",
            "peak_hour_cost / slope_limit_per_hour",
            ("peak_hour_cost", "slope_limit_per_hour"),
            "§5",
        ),
        _flag("over_limit", "More is spent than was allowed.", "remaining < 0", ("remaining",)),
        _flag(
            "over_slope",
            "An hour cost more than it may: a loop, or a dear tool behind a cheap call.",
            "peak_hour_cost > slope_limit_per_hour, exact",
            ("peak_hour_cost", "slope_limit_per_hour"),
        ),
        _flag(
            "early_exhaustion_low_yield",
            "The wallet will be empty before the period ends, and does not earn its money.",
            "projected_exhaustion_day before the period's last day, and asr_value_28d"
            f" < {LOW_YIELD}",
            ("projected_exhaustion_day", "asr_value_28d"),
        ),
        _flag(
            "under_used",
            "Hardly any of the allowance will be used.",
            f"projected_spend < {UNDER_USED} · allowance",
            ("projected_spend", "allowance"),
        ),
        *TRUST,
    ),
    notes=("The allowance is what may be spent, the bill what was: people's time is in neither.",),
)
