"""Declaration of mandates: one goal, one limit, and whether the goal was reached within it."""

from roi_engine.marts.columns import COUNT, DAY, FLAG, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import TRUST, choice, count, key, ratio

_DIM = "dim_mandate"
REASONS = ("open", "days_missing", "agent_unseen")


def _said(name: str, kind: str, unit: str, about: str, *, nullable: bool = False) -> Column:
    source = (f"{_DIM}.{name}",)
    return Column(name, kind, unit, about, "mandates.csv", source, "§5", nullable=nullable)


def _flag(name: str, about: str, formula: str, inputs: tuple[str, ...]) -> Column:
    return Column(name, FLAG, "yes or no", about, formula, inputs, "§5")


MANDATES = Mart(
    name="mandates",
    about="What each mandate (one goal, one limit) has cost so far, and whether its goal was"
    " reached within its limit.",
    row="One row per mandate that has begun, as of the newest day of the release.",
    section="§5",
    standing=True,
    columns=(
        key("as_of_day", "Newest day of the release.", ("daily_asr.day",), "§5"),
        key("mandate_id", "The mandate.", (f"{_DIM}.mandate_id",), "§5"),
        Column(
            "agent_id",
            TEXT,
            "name",
            "The agent that was given it.",
            "mandates.csv",
            (f"{_DIM}.agent_id",),
            "§5",
        ),
        _said("goal", TEXT, "text", "What is to be reached."),
        _said("valid_from", DAY, "day", "First day."),
        _said(
            "valid_to",
            DAY,
            "day",
            "First day on which it no longer holds; NULL without an end.",
            nullable=True,
        ),
        _said(
            "reached_on",
            DAY,
            "day",
            "Day on which the goal was reached, be it too late; NULL while it is not.",
            nullable=True,
        ),
        Column(
            "limit_amount",
            MONEY,
            "currency",
            "What reaching the goal may cost.",
            "mandates.csv, at the rate of valid_from",
            (f"{_DIM}.limit_amount",),
            "§5",
            additive=True,
            low=0,
        ),
        Column(
            "spent",
            MONEY,
            "currency",
            "What the agent cost on the mandate's days, whatever it worked on; of the days that"
            " are known. NULL where no row of the agent is.",
            "Σ spend from valid_from to the first of reached_on, the last day, as_of_day",
            ("daily_asr.spend", "valid_from", "valid_to", "reached_on"),
            "§5",
            nullable=True,
        ),
        ratio(
            "utilisation",
            "Share of the limit that is spent.",
            "spent / limit_amount",
            ("spent", "limit_amount"),
            "§5",
        ),
        count(
            "days",
            "Days of the mandate that have come, up to the one on which the goal was reached.",
            "count",
            ("valid_from", "valid_to", "reached_on"),
            "§5",
            additive=False,
        ),
        count(
            "days_missing",
            "Of these, days that were not built, or lie more than a year back: their spend is not"
            " known.",
            "days without a row of any agent in daily_asr",
            ("days", "daily_asr.day"),
            "§5",
            additive=False,
        ),
        count(
            "overlapping_mandates",
            "Other mandates of the agent that share a day with this one: a bill does not say which"
            " of them a cost was for, so it counts in each.",
            "count",
            ("agent_id", "valid_from", "valid_to", "reached_on"),
            "§5",
            additive=False,
        ),
        _flag(
            "is_reached",
            "The goal was reached in time.",
            "reached_on ≤ as_of_day, before valid_to",
            ("reached_on", "valid_to"),
        ),
        _flag(
            "is_open",
            "The goal is not reached and there is time left.",
            "not is_reached, as_of_day before the last day",
            ("is_reached", "valid_to"),
        ),
        Column(
            "score",
            COUNT,
            "0 or 1",
            "1 if the goal was reached within the limit, 0 as soon as it cannot be any more; of a"
            " group the share of 1 among those that are decided.",
            "reached in time and spent ≤ limit_amount, exact; 0 once spent > limit_amount, or the"
            " time is over",
            ("is_reached", "is_open", "spent", "limit_amount", "days_missing"),
            "§5",
            nullable=True,
            low=0,
            high=1,
            measure="case when count(score) > 0 then cast(sum(score) as double) / count(score) end",
        ),
        choice(
            "score_reason",
            "Why there is no score.",
            "open: there is money and time left; days_missing, agent_unseen: reached, but what it"
            " cost is not known",
            ("is_open", "days_missing", "spent"),
            "§5",
            values=REASONS,
            nullable=True,
        ),
        choice(
            "evidence",
            "Whether somebody signed the row off: measured then, assumed otherwise.",
            "measured where approved_by is filled",
            (f"{_DIM}.approved_by",),
            "§9",
            values=("measured", "assumed"),
        ),
        *(column for column in TRUST if column.name == "cost_basis"),
        choice(
            "status",
            "final when nothing can change it any more: it is not open, all its days are known"
            " and final.",
            "weakest of its days; provisional while open",
            ("is_open", "days_missing", "daily_asr.status"),
            "§0",
            values=("final", "provisional"),
        ),
        *(column for column in TRUST if column.name in {"currency", "_transform_run_id"}),
    ),
    notes=(
        "`spent` counts the agent's whole cost, own idle capacity included: a bill is shared by"
        " agent and day and knows no goal. Do not add it up over mandates that overlap.",
    ),
)
