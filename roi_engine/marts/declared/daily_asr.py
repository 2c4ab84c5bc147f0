"""Declaration of daily_asr: how much of an agent's budget led to goals reached without people."""

import re
from dataclasses import dataclass

from roi_engine.marts.columns import COUNT, MONEY, TEXT, Column, Mart
from roi_engine.marts.declared.common import KEYS, TRUST, choice, count, money, quotient, ratio
from roi_engine.metrics.bands import BANDS, TOP_LEVEL

ALLOCATED = "fct_cost_allocation.allocated_cost"
CLASS = "fct_cost_allocation.outcome_class"
_VALUE = tuple(
    f"fct_task.{part}" for part in ("labour_value", "speed_value", "direct_value", "avoided_loss")
)
SHARE_REASONS = ("no_spend", "negative_cell")
QUALITY = ("normal", "low")


_TERMS = {
    "autonomous_net": "autonomous_value - spend",
    "net_value": "gross_value - spend - human_cost",
    "total_cost": "spend + human_cost",
    "value_beyond_spend": "gross_value - spend",
    "all_minutes": "inference_minutes + human_minutes",
}
"""Sums that stand in a formula and in no column of their own, by the columns they are made of."""


def _minutes(name: str, about: str, formula: str, of: str) -> Column:
    return Column(name, MONEY, "minutes", about, formula, (of,), "§5", additive=True, low=0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A ratio of sums that the mart shows for the day and for the window.

    ``scale`` is the scale of the window's interval; empty where it has none.
    """

    name: str
    about: str
    formula: str
    numerator: str
    denominator: str
    scale: str
    unit: str = "ratio"
    bounds: tuple[float | None, float | None] = (None, None)
    per: int = 1
    """The ratio is for this many units of the denominator."""
    net_of: str = ""
    """The sum that came off the numerator; before it, a day is rarely below 0."""

    @property
    def measure(self) -> str:
        """Return the SQL that gives the ratio for any group of rows."""
        above, below = (_TERMS.get(term, term) for term in (self.numerator, self.denominator))
        if self.per != 1:
            above = f"{self.per} * ({above})"
        return quotient(above, below)


SHARE_OF_SPEND = (
    "case when sum(spend_without_credits) > 0 and sum(autonomous_spend) >= 0"
    " and sum(autonomous_spend) <= sum(spend_without_credits)"
    " then cast(sum(autonomous_spend) as double) / sum(spend_without_credits) end"
)
"""asr_spend of any group: a share, or NULL where refunds make a part negative."""

_EXCESS = f"coalesce({quotient('excess_cost', 'not_won_tasks')}, 0)"
_ATTEMPT, _PERSON = (
    f"({quotient(*pair)})"
    for pair in (("familiar_spend", "familiar_tasks"), ("baseline_cost", "baseline_tasks"))
)
BREAK_EVEN = (
    f"case when {_PERSON} + {_EXCESS} > 0"
    f" then ({_ATTEMPT} + {_EXCESS}) / ({_PERSON} + {_EXCESS}) end"
)
"""break_even_success_rate of any group."""

METRICS = (
    Metric(
        "asr_value",
        "Value created without people, for a unit of spend. Not bounded.",
        "autonomous_value / spend",
        "autonomous_value",
        "spend",
        "ratio",
    ),
    Metric(
        "asr_spend",
        "Share of the budget that led to goals reached without people; bands use this one.",
        "autonomous_spend / spend_without_credits",
        "autonomous_spend",
        "spend_without_credits",
        "share",
        bounds=(0, 1),
    ),
    Metric(
        "autonomous_roi",
        "Net value created without people, for a unit of spend.",
        "(autonomous_value − spend) / spend",
        "autonomous_net",
        "spend",
        "shifted",
    ),
    Metric(
        "roi",
        "Net value of all work, for a unit of total cost, people's time included.",
        "(gross_value − spend − human_cost) / (spend + human_cost)",
        "net_value",
        "total_cost",
        "ratio",
        net_of="total_cost",
    ),
    Metric(
        "win_rate",
        "Autonomous successes among all tasks that ended; an escalated one was tried and not won.",
        "autonomous_successes / ended_tasks",
        "autonomous_successes",
        "ended_tasks",
        "counts",
        bounds=(0, 1),
    ),
    Metric(
        "cost_per_action",
        "Spend for each attempt or step.",
        "spend / actions",
        "spend",
        "actions",
        "ratio",
        unit="currency per action",
    ),
    Metric(
        "overhead_share",
        "Share of the spend that served no task: polling, health checks, own idle capacity.",
        "overhead_spend / spend",
        "overhead_spend",
        "spend",
        "share",
    ),
    Metric(
        "redundant_spend_share",
        "Share of what tasks cost at list price that bought what was bought again: their requester"
        " took the same kind of task to another agent. Over tasks of which this is known.",
        "redundant_cost / comparable_cost",
        "redundant_cost",
        "comparable_cost",
        "share",
        bounds=(0, 1),
    ),
    Metric(
        "ev_per_1k_tokens",
        "Value beyond spend for a thousand tokens.",
        "1000 · (gross_value − spend) / tokens",
        "value_beyond_spend",
        "tokens",
        "ratio",
        unit="currency per 1000 tokens",
        per=1000,
        net_of="spend",
    ),
    Metric(
        "autonomous_action_share",
        "Actions that no person started or approved, among those whose initiator is known.",
        "autonomous_actions / initiated_actions",
        "autonomous_actions",
        "initiated_actions",
        "",
        bounds=(0, 1),
    ),
    Metric(
        "autonomy_minutes_ratio",
        "The agents' own working time among all working time on their ended tasks.",
        "inference_minutes / (inference_minutes + human_minutes)",
        "inference_minutes",
        "all_minutes",
        "",
        bounds=(0, 1),
    ),
    Metric(
        "human_override_rate",
        "Ended tasks whose output a person rejected.",
        "rejected_tasks / ended_tasks",
        "rejected_tasks",
        "ended_tasks",
        "counts",
        bounds=(0, 1),
    ),
    Metric(
        "recommendation_acceptance",
        "Outputs that a person approved, among those on which a person decided.",
        "accepted_tasks / decided_tasks",
        "accepted_tasks",
        "decided_tasks",
        "counts",
        bounds=(0, 1),
    ),
    Metric(
        "violations_per_1k_actions",
        "Tasks that failed for breaking a policy, for a thousand actions.",
        "1000 · violations / actions",
        "violations",
        "actions",
        "",
        unit="per 1000 actions",
        bounds=(0, None),
        per=1000,
    ),
    Metric(
        "asr_allowance",
        "Spend on goals reached alone against the allowance of the agent's wallet: an agent that"
        " hardly uses its budget is reactive too.",
        "autonomous_spend / wallet_allowance",
        "autonomous_spend",
        "wallet_allowance",
        "",
    ),
    Metric(
        "capital_roi",
        "What an agent that manages capital made with it; capital is not spend.",
        "capital_return / capital_allocated",
        "capital_return",
        "capital_allocated",
        "",
    ),
)

_ACTIVITY = (
    count(
        "initiated_actions",
        "Actions of which it is known who started them.",
        "count",
        ("fct_agent_action.initiated_by",),
        "§5",
    ),
    count(
        "autonomous_actions",
        "Of these, neither started nor approved by a person.",
        "count",
        ("fct_agent_action.initiated_by", "fct_agent_action.is_approved_by_human"),
        "§5",
    ),
    count(
        "rejected_tasks",
        "Ended tasks whose output a person rejected.",
        "count",
        ("fct_task.failed_by",),
        "§5",
    ),
    count(
        "decided_tasks",
        "Ended tasks on whose output a person decided.",
        "count of tasks approved, not approved, or rejected",
        ("fct_task.is_approved_by_human", "fct_task.failed_by"),
        "§5",
    ),
    count(
        "accepted_tasks",
        "Of these, approved.",
        "count",
        ("fct_task.is_approved_by_human", "fct_task.failed_by"),
        "§5",
    ),
    count(
        "violations",
        "Tasks that failed for breaking a policy, where the source says so.",
        "count of failure_reason policy_violation",
        ("fct_task.failure_reason",),
        "§5",
    ),
    _minutes(
        "inference_minutes",
        "Model time of ended tasks.",
        "Σ length of the union of the task's model calls, rounded once",
        "fct_task.inference_microseconds",
    ),
    _minutes(
        "human_minutes",
        "People's time on ended tasks, where it is known.",
        "Σ human_minutes, rounded once",
        "fct_task.human_minutes",
    ),
    money(
        "familiar_spend",
        "Spend on kinds of task that people did before.",
        "Σ allocated_cost of types not flagged is_novel",
        (ALLOCATED, "dim_task_type.is_novel"),
        "§5",
    ),
    count(
        "familiar_tasks",
        "Ended tasks of these kinds.",
        "count",
        ("fct_task.is_ended", "fct_task.is_novel"),
        "§5",
    ),
    money(
        "baseline_cost",
        "What people would have cost for them, where it is known.",
        "Σ human_equivalent_cost, rounded once",
        ("fct_task.human_equivalent_cost", "fct_task.is_novel"),
        "§5",
    ),
    count(
        "baseline_tasks",
        "Ended tasks of which this is known.",
        "count",
        ("fct_task.human_equivalent_cost", "fct_task.is_novel"),
        "§5",
    ),
    money(
        "excess_cost",
        "What people spent on tasks not won beyond what doing them alone would have cost.",
        "Σ max(0, human_cost − human_equivalent_cost), rounded once",
        ("fct_task.human_cost", "fct_task.human_equivalent_cost", "fct_task.is_novel"),
        "§5",
    ),
    count(
        "not_won_tasks",
        "Ended tasks that were no autonomous success and of which both costs are known.",
        "count",
        ("fct_task.outcome_class", "fct_task.human_cost"),
        "§5",
    ),
    Column(
        "wallet_allowance",
        MONEY,
        "currency",
        "Allowance of the agent's wallet for the day; NULL without one. Several agents may share"
        " it: add it up over wallets (daily_wallet), not over agents.",
        "the period's allowance, spread over its days to the nano-unit",
        ("fct_wallet_entry.allowance", "fct_wallet_entry.period_days"),
        "§5",
        nullable=True,
    ),
)

_PARTS = (
    money(
        "spend",
        "What the agent cost, people's time left out, its own idle capacity included.",
        "Σ allocated_cost",
        (ALLOCATED,),
        "§5",
    ),
    money(
        "spend_without_credits",
        "The same without lines of category Credit: the whole that asr_spend is a share of.",
        "Σ allocated_cost, ChargeCategory ≠ Credit",
        (ALLOCATED, "fct_cost_allocation.charge_category"),
        "§5",
    ),
    money(
        "autonomous_spend",
        "The part of it spent on autonomous successes.",
        "Σ allocated_cost of class autonomous_success, ChargeCategory ≠ Credit",
        (ALLOCATED, CLASS, "fct_cost_allocation.charge_category"),
        "§5",
    ),
    money(
        "overhead_spend",
        "Spend that served no task, own idle capacity included.",
        "Σ allocated_cost of class overhead or of cost class idle",
        (ALLOCATED, CLASS, "fct_cost_allocation.cost_class"),
        "§5",
    ),
    money(
        "comparable_cost",
        "List price of its actions on tasks of which it is known whether another agent was asked"
        " for the same: requester, kind and agents have names.",
        "Σ priced_cost where is_redundant is known",
        ("fct_agent_action.priced_cost", "fct_agent_action.is_redundant"),
        "§5",
    ),
    money(
        "redundant_cost",
        "The part of it on tasks whose requester took the same kind of task to another agent,"
        " before they ended or within the reopen window after.",
        "Σ priced_cost where is_redundant",
        ("fct_agent_action.priced_cost", "fct_agent_action.is_redundant"),
        "§5",
    ),
    money(
        "human_cost",
        "People's time on the agent's tasks.",
        "Σ human_cost",
        ("fct_time_entry.human_cost",),
        "§2",
    ),
    money(
        "gross_value",
        "All value credited to the agent, before cost.",
        "labour + speed + direct + avoided_loss, each rounded once for this row",
        (*_VALUE, "fct_task_credit.credit"),
        "§3",
    ),
    money(
        "autonomous_value",
        "The part of it from ended tasks without human involvement, losses included.",
        "the same over tasks neither escalated nor with human minutes",
        (*_VALUE, "fct_task_credit.credit", "fct_task.is_escalated", "fct_task.human_minutes"),
        "§5",
    ),
    money(
        "capital_allocated",
        "Capital that the agent managed.",
        "Σ capital_allocated of ended tasks, rounded once",
        ("fct_task.capital_allocated",),
        "§5",
    ),
    money(
        "capital_return",
        "What it made or lost with that capital.",
        "Σ direct_value of ended tasks with capital, rounded once",
        ("fct_task.direct_value", "fct_task.capital_allocated"),
        "§5",
    ),
    count("ended_tasks", "Tasks that ended.", "count", ("fct_task.is_ended",), "§1"),
    count(
        "autonomous_successes",
        "Successes without any person.",
        "count",
        ("fct_task.outcome_class",),
        "§1",
    ),
    count(
        "actions",
        "Billed attempts and steps; roll-up spans are none.",
        "count",
        ("fct_agent_action.action_id",),
        "§1",
    ),
    count(
        "tokens",
        "Tokens of all buckets.",
        "Σ of the six disjoint buckets",
        ("fct_agent_action.input_uncached_tokens", "fct_agent_action.output_visible_tokens"),
        "§1",
    ),
    *_ACTIVITY,
    count(
        "unpriced_actions",
        "Model calls that have no price: their cost is missing here, not 0.",
        "count of actions with cost_status unpriced",
        ("fct_agent_action.cost_status",),
        "§2",
    ),
)
PARTS = tuple(part.name for part in _PARTS)


def _inputs(metric: Metric, suffix: str = "") -> tuple[str, ...]:
    terms = (metric.numerator, metric.denominator)
    parts = dict.fromkeys(
        part for term in terms for part in re.findall(r"\w+", _TERMS.get(term, term))
    )
    return tuple(f"{part}{suffix}" for part in parts)


def _over_window(part: Column) -> Column:
    return Column(
        f"{part.name}_28d",
        part.type,
        part.unit,
        f"The same over the 28 days to this one: {part.about[0].lower()}{part.about[1:]}",
        f"Σ {part.name} over D−27 … D",
        (part.name,),
        part.source,
        low=part.low,
        nullable=part.nullable,
    )


def _day(metric: Metric) -> Column:
    return ratio(
        metric.name,
        metric.about,
        metric.formula,
        _inputs(metric),
        "§5",
        unit=metric.unit,
        bounds=metric.bounds,
        measure=SHARE_OF_SPEND if metric.name == "asr_spend" else metric.measure,
    )


def _window(metric: Metric) -> tuple[Column, ...]:
    """Declare a metric's window figure and, where it has one, its interval."""
    inputs = _inputs(metric, "_28d")
    shown = metric.unit, metric.bounds
    main = ratio(
        f"{metric.name}_28d",
        f"Over the 28 days to this one: {metric.about[0].lower()}{metric.about[1:]}",
        f"the same over the window's sums: {metric.formula}",
        inputs,
        "§5",
        unit=shown[0],
        bounds=shown[1],
    )
    if not metric.scale:
        return (main,)
    how = {
        "share": "daily residuals, logit scale, Student's t; none at 0 or 1",
        "ratio": "daily residuals, Student's t with the degrees of freedom that their kurtosis"
        " leaves; log scale of what is not below 0 on any day"
        f"{f' (the ratio before {metric.net_of} came off)' if metric.net_of else ''}, else linear"
        " and wider to the skewed side",
        "shifted": "the interval of asr_value less 1",
        "counts": "Wilson's score interval below 100 trials; from there on daily residuals, logit"
        " scale, Student's t, and Wilson's at 0 or 1",
    }[metric.scale]
    ends = (
        ratio(
            f"{metric.name}_{end}_28d",
            f"{word} end of the 95 % interval of {metric.name}_28d.",
            how,
            inputs,
            "§5, §11",
            unit=shown[0],
            bounds=shown[1],
        )
        for end, word in (("low", "Lower"), ("high", "Upper"))
    )
    return (main, *ends)


def _break_even(suffix: str, when: str) -> Column:
    return ratio(
        f"break_even_success_rate{suffix}",
        f"Share of attempts that must succeed to pay for them all, {when}; over 1 none does.",
        "(c_a + c_x) / (c_h + c_x): familiar_spend / familiar_tasks, baseline_cost /"
        " baseline_tasks, excess_cost / not_won_tasks (0 with none)",
        tuple(
            f"{name}{suffix}"
            for name in (
                *("familiar_spend", "familiar_tasks", "baseline_cost", "baseline_tasks"),
                *("excess_cost", "not_won_tasks"),
            )
        ),
        "§5",
        measure="" if suffix else BREAK_EVEN,
    )


def _reason(name: str) -> Column:
    return choice(
        f"{name}_reason",
        f"Why there is no {name}.",
        "no_spend where the whole is 0; negative_cell where refunds make a part negative",
        ("autonomous_spend", "spend_without_credits"),
        "§5",
        values=SHARE_REASONS,
        nullable=True,
    )


DAILY_ASR = Mart(
    name="daily_asr",
    about="How much of an agent's budget led to goals reached without people, and what it brought.",
    row="One row per day and agent, for days with spend, ended or credited tasks; reserved members"
    " included. Each figure for the day, and for the 28 days to it (suffix _28d).",
    section="§5",
    columns=(
        KEYS["day"],
        KEYS["agent_id"],
        *_PARTS,
        *(_day(metric) for metric in METRICS),
        _reason("asr_spend"),
        _break_even("", "on the day"),
        Column(
            "cost_per_action_by_step",
            TEXT,
            "JSON",
            "Priced cost by tool or operation, so that a dear tool behind a cheap model shows.",
            'JSON list of {"step", "actions", "priced_cost", "cost_per_action"}, by step',
            ("fct_agent_action.tool", "fct_agent_action.priced_cost"),
            "§5",
            nullable=True,
        ),
        *(_over_window(part) for part in _PARTS),
        Column(
            "days_28d",
            COUNT,
            "days",
            "Days of the window that have a row; intervals rest on them.",
            "count",
            ("day",),
            "§5",
            low=1,
            high=28,
        ),
        *(column for metric in METRICS for column in _window(metric)),
        _reason("asr_spend_28d"),
        _break_even("_28d", "over the 28 days to this one"),
        *(
            ratio(
                f"{name}_consistency_28d",
                f"How much {what} differs between tasks of one kind: the spread inside kinds"
                " against the mean; 0 is the same every time.",
                "√(Σ over kinds of squared deviations / Σ (n − 1)) / mean, over the window",
                (f"fct_task.{source}",),
                "§5",
                bounds=(0, None),
            )
            for name, what, source in (
                ("cost", "priced cost", "priced_cost"),
                ("duration", "model time", "inference_microseconds"),
            )
        ),
        choice(
            "band",
            "Band of autonomy by asr_spend_28d, decided on exact money.",
            "< 0.2 reactive, < 0.5 assisted, ≤ 0.6 transitional, else self_directed; no share or"
            " fewer than min_group_size ended tasks in the window: insufficient_data",
            ("autonomous_spend_28d", "spend_without_credits_28d", "ended_tasks_28d"),
            "§5",
            values=BANDS,
        ),
        Column(
            "band_level",
            COUNT,
            "level",
            "Level of maturity, of three or, by the setting maturity_scale, of five.",
            "1 reactive, 2 assisted and transitional, 3 self_directed; of five: 1 reactive, 2"
            " assisted, 3 transitional, 4 self_directed, 5 where asr_spend_28d > 0.8 too",
            ("band", "autonomous_spend_28d", "spend_without_credits_28d"),
            "§5",
            nullable=True,
            low=1,
            high=TOP_LEVEL,
        ),
        choice(
            "interval_quality",
            "low when fewer than 100 tasks ended in the window.",
            "ended_tasks_28d < 100",
            ("ended_tasks_28d",),
            "§0",
            values=QUALITY,
        ),
        *TRUST,
    ),
    notes=(
        "Money and counts of the day add up over rows; window columns and ratios never do.",
        "A window's ratio is the ratio of its sums, never a mean of daily ratios.",
        "Intervals are for the process behind the window; the realised ratio is exact. Days that"
        " resemble the day before make them wider.",
    ),
)
