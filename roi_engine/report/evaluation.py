"""Models side by side on the cases that a release holds: how sure, and resting on what.

The figures are taken from facts, over all of the release. What nobody measured stays visible: each
input says whether it was measured, published or assumed, ROI stands as a range over the baseline's
own low and high, and beside it the baseline at which nothing is won or lost.
"""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import duckdb

from roi_engine.metrics.roi import ratio, return_on_cost
from roi_engine.metrics.win_rate import wilson

_CASES = """
    with done as (
        select
            model_version,
            count(*) as cases,
            count(*) filter (outcome_class in ('autonomous_success', 'assisted_success'))
                as resolved,
            count(*) filter (outcome_class = 'autonomous_success') as autonomous,
            count(*) filter (is_escalated) as escalated,
            count(*) filter (human_cost is null or human_minutes is null) as unknown_help,
            min(day) as first_day,
            max(day) as last_day,
            count(distinct task_type) as task_types
        from facts.fct_task
        where is_ended and agent_id <> '__human__' and model_version <> '__unknown__'
            and ($task_types is null or list_contains($task_types, task_type))
        group by 1
    ),
    spent as (
        select
            model_version,
            sum(allocated_cost) as spend,
            coalesce(sum(allocated_cost) filter (outcome_class = 'autonomous_success'), 0)
                as autonomous_spend,
            case when count(distinct cost_basis) > 1 then 'mixed' else min(cost_basis) end
                as cost_basis
        from facts.fct_cost_allocation
        where $task_types is null or list_contains($task_types, task_type)
        group by 1
    ),
    helped as (
        select
            model_version,
            sum(human_cost) as human_cost,
            bool_or(basis = 'assumed') as is_help_assumed
        from facts.fct_time_entry
        where $task_types is null or list_contains($task_types, task_type)
        group by 1
    ),
    credited as (
        select task.*, cast(credit.credit as decimal(10, 9)) as credit,
            credit.model_version as credited_to,
            coalesce(speed_value, 0) + coalesce(direct_value, 0) + coalesce(avoided_loss, 0)
                as other_value
        from facts.fct_task as task
        inner join facts.fct_task_credit as credit using (task_id)
        where task.outcome_class in ('autonomous_success', 'assisted_success')
            and ($task_types is null or list_contains($task_types, task.task_type))
    ),
    kinds as (
        -- exact sums of one kind; what low and high make of them are doubles
        select
            credited_to,
            task_type,
            day,
            cast(sum(human_equivalent_cost * credit) as double) as baseline,
            cast(sum((labour_value - human_equivalent_cost) * credit) as double) as less_own_time,
            cast(sum(other_value * credit) as double) as other_value,
            coalesce(cast(sum((labour_value + other_value) * credit)
                filter (not is_escalated and coalesce(human_minutes, 1) = 0) as double), 0)
                as autonomous_value,
            cast(sum(baseline_minutes * credit) as double) as minutes
        from credited
        group by all
    ),
    earned as (
        select
            kinds.credited_to as model_version,
            sum(baseline) as baseline,
            sum(baseline * cast(kind.low as double) / cast(kind.baseline_minutes as double))
                as baseline_low,
            sum(baseline * cast(kind.high as double) / cast(kind.baseline_minutes as double))
                as baseline_high,
            sum(less_own_time) as less_own_time,
            sum(other_value) as other_value,
            sum(autonomous_value) as autonomous_value,
            sum(minutes) as minutes,
            max(kind.basis) as baseline_evidence,
            bool_or(kind.basis = 'assumed') as is_assumed
        from kinds
        left join facts.dim_task_type as kind
            on kind.task_type = kinds.task_type
            and kinds.day >= kind.valid_from
            and (kind.valid_to is null or kinds.day < kind.valid_to)
        group by 1
    )
    select *
    from done
    left join spent using (model_version)
    left join helped using (model_version)
    left join earned using (model_version)
    where cases >= $least
    order by cases desc, model_version
"""


class NothingToCompare(Exception):
    """No model has such cases; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model's cases. Money in the release's currency; rates with their 95 % intervals."""

    model_version: str
    first_day: str
    last_day: str
    task_types: int
    cases: int
    resolved: int
    success_rate: float
    success_rate_low: float
    success_rate_high: float
    autonomous_rate: float
    escalation_rate: float
    spend: Decimal
    cost_basis: str
    human_cost: Decimal
    cases_with_unknown_help: int
    cost_per_resolved_case: float | None
    asr_spend: float | None
    asr_value: float | None
    roi: float | None
    roi_low: float | None
    roi_high: float | None
    break_even_minutes: float | None
    baseline_minutes: float | None
    evidence: dict[str, str]


def evaluate(
    con: duckdb.DuckDBPyConnection,
    *,
    task_types: list[str] | None = None,
    least: int = 1,
) -> list[Evaluation]:
    """Return an evaluation of each model that ended cases, most cases first.

    Args:
        con: A connection to an exported release (``serving.connect``).
        task_types: Kinds of task to look at; default all.
        least: Models with fewer ended cases are left out.

    Raises:
        NothingToCompare: A kind of task is not there, or no model has so many ended cases.
    """
    known = [
        name
        for (name,) in con.execute(
            "select distinct task_type from facts.fct_task where task_type is not null order by 1"
        ).fetchall()
    ]
    if unknown := [name for name in task_types or () if name not in known]:
        raise NothingToCompare(
            f"There is no task type {', '.join(unknown)}; there are {', '.join(known)}."
        )
    answer = con.execute(_CASES, {"task_types": task_types, "least": least})
    names = [column[0] for column in answer.description or []]
    rows = answer.fetchall()
    if not rows:
        of = f" of {', '.join(task_types)}" if task_types else ""
        raise NothingToCompare(f"No model has {least} or more ended cases{of}.")
    return [_of(dict(zip(names, row, strict=True))) for row in rows]


_PRICES = {"billed": "measured", "estimated": "published", "mixed": "published", "none": "none"}
"""Cost basis → what prices rest on, by the weakest part."""


def _of(row: dict[str, Any]) -> Evaluation:
    spend, human = row["spend"] or Decimal(0), row["human_cost"] or Decimal(0)
    cost = float(spend + human)
    rate = wilson([row["resolved"]], [row["cases"]])

    def share(part: Any, whole: Any) -> float | None:
        if part is None or whole is None:
            return None
        return _known(ratio([float(part)], [float(whole)])[0])

    fixed = float((row["less_own_time"] or 0) + (row["other_value"] or 0))
    base, low, high = (
        None if row[name] is None else _known(return_on_cost([float(row[name]) + fixed], [cost])[0])
        for name in ("baseline", "baseline_low", "baseline_high")
    )
    minutes = None
    if row["baseline"]:
        # the share of the baseline at which value pays for cost
        scale = (cost - fixed) / float(row["baseline"])
        minutes = scale * float(row["minutes"]) / row["resolved"]
    return Evaluation(
        model_version=row["model_version"],
        first_day=str(row["first_day"]),
        last_day=str(row["last_day"]),
        task_types=row["task_types"],
        cases=row["cases"],
        resolved=row["resolved"],
        success_rate=float(rate.estimate[0]),
        success_rate_low=float(rate.low[0]),
        success_rate_high=float(rate.high[0]),
        autonomous_rate=row["autonomous"] / row["cases"],
        escalation_rate=row["escalated"] / row["cases"],
        spend=spend,
        cost_basis=row["cost_basis"] or "none",
        human_cost=human,
        cases_with_unknown_help=row["unknown_help"],
        cost_per_resolved_case=share(cost, row["resolved"]),
        asr_spend=share(row["autonomous_spend"], spend),
        asr_value=share(row["autonomous_value"], spend),
        roi=base,
        roi_low=low,
        roi_high=high,
        break_even_minutes=minutes,
        baseline_minutes=float(row["minutes"]) / row["resolved"] if row["minutes"] else None,
        evidence={
            "outcomes": "measured",
            "tokens": "measured",
            "prices": _PRICES[row["cost_basis"] or "none"],
            "baseline_minutes": "assumed"
            if row["is_assumed"]
            else row["baseline_evidence"] or "none",
            "people's minutes": "assumed"
            if row["unknown_help"] or row["is_help_assumed"]
            else "measured",
        },
    )


def _known(value: float) -> float | None:
    return float(value) if value == value else None  # noqa: PLR0124 - NaN is what is not known


def as_dicts(found: list[Evaluation]) -> list[dict[str, Any]]:
    """Return plain rows for JSON."""
    return [asdict(one) for one in found]


def lines(found: list[Evaluation]) -> list[str]:
    """Return a Markdown table, a column a model, and what each figure rests on."""

    def row(name: str, cells: list[str]) -> str:
        return f"| {name} | " + " | ".join(cells) + " |"

    def number(value: float | None, digits: int = 2) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    def needed(minutes: float | None) -> str:
        # other value alone pays for the cost
        return "none needed" if minutes is not None and minutes <= 0 else number(minutes)

    table = [
        row("", [f"`{one.model_version}`" for one in found]),
        row("---", ["---:"] * len(found)),
        row("ended cases", [str(one.cases) for one in found]),
        row("resolved", [str(one.resolved) for one in found]),
        row(
            "success rate [95 %]",
            [
                f"{percent(one.success_rate)} [{percent(one.success_rate_low)},"
                f" {percent(one.success_rate_high)}]"
                for one in found
            ],
        ),
        row("autonomous", [percent(one.autonomous_rate) for one in found]),
        row("escalation rate", [percent(one.escalation_rate) for one in found]),
        row("spend", [f"{one.spend:.6f} ({one.cost_basis})" for one in found]),
        row("cost per resolved case", [number(one.cost_per_resolved_case, 4) for one in found]),
        row("ASR, share of spend", [percent(one.asr_spend) for one in found]),
        row("ASR, value per spend", [number(one.asr_value) for one in found]),
        row(
            "ROI, human minutes low … base … high",
            [
                f"{number(one.roi_low)} … {number(one.roi)} … {number(one.roi_high)}"
                for one in found
            ],
        ),
        row(
            "break-even human minutes a resolved case",
            [needed(one.break_even_minutes) for one in found],
        ),
        row("human minutes a resolved case", [number(one.baseline_minutes, 1) for one in found]),
        row(
            "cases where people's help is unknown",
            [str(one.cases_with_unknown_help) for one in found],
        ),
    ]
    inputs = list(dict.fromkeys(name for one in found for name in one.evidence))
    rest = [row(f"{name} rest on", [one.evidence[name] for one in found]) for name in inputs]
    return table + rest
