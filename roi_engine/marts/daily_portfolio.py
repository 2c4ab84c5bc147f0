"""daily_portfolio: each agent beside its peers, its investments and the best plan."""

from datetime import timedelta

import polars as pl

from roi_engine.marts import investments, plans
from roi_engine.marts.declared.daily_portfolio import (
    DAILY_PORTFOLIO,
    KEEPS,
    NO_CATEGORY,
    TARGETS,
)
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries_planning import AGENT_BANDS, AGENT_NET, CATEGORIES, TRUST
from roi_engine.marts.windows import WINDOW_DAYS
from roi_engine.metrics.roi import ratio

QUERIES: tuple[FactQuery, ...] = (
    AGENT_BANDS,
    CATEGORIES,
    *investments.QUERIES,
    *plans.QUERIES,
)
_MONEY = tuple(c.name for c in DAILY_PORTFOLIO.columns if c.type == "DECIMAL(38,9)")
_SHOWN = ("band", "asr_spend_28d", "asr_spend_low_28d", "asr_spend_high_28d", "asr_value_28d")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    built = investments.spread(facts, params)
    rows = (
        _bands(facts, params)
        .join(_categories(facts, params), on="agent_id", how="left", validate="1:1")
        .join(_money(facts, params), on="agent_id", how="left", validate="1:1")
        .join(built.drop("starts_on", "ends_on"), on="agent_id", how="left", validate="1:1")
        .join(investments.returns(built, facts, params), on="agent_id", how="left", validate="1:1")
        .join(_plan(facts, params), on="agent_id", how="left", validate="1:1")
        .sort("agent_id")
        .with_columns(
            pl.col("category").fill_null(NO_CATEGORY),
            pl.col("invested", "build_cost_28d", "build_cost_left").fill_null(0),
        )
    )
    return (
        rows.pipe(_compare)
        .pipe(_return)
        .with_columns(day=pl.lit(today))
        .with_columns(*as_decimal(*_MONEY))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(DAILY_PORTFOLIO.conform)
    )


def _bands(facts: Frames, params: Params) -> pl.DataFrame:
    """Return each agent's latest row of this window beside its latest of the one before."""
    (today,) = params.days
    days = answer(AGENT_BANDS, facts).with_columns(
        pl.col(name).cast(pl.Float64) for name in _SHOWN if name != "band"
    )
    is_new = pl.col("day") > today - timedelta(days=WINDOW_DAYS)
    new, old = (days.filter(part).sort("agent_id", "day") for part in (is_new, ~is_new))
    ends = pl.col("asr_spend_low_28d", "asr_spend_high_28d")
    return (
        new.group_by("agent_id", maintain_order=True)
        .agg(*(pl.col(name).last() for name in _SHOWN), *(weakest(name) for name in TRUST))
        .join(
            old.group_by("agent_id", maintain_order=True)
            .agg(ends.last())
            .rename({"asr_spend_low_28d": "low_before", "asr_spend_high_28d": "high_before"}),
            on="agent_id",
            how="left",
            validate="1:1",
        )
    )


def _categories(facts: Frames, params: Params) -> pl.DataFrame:
    """Return each agent's category as on the newest day."""
    (today,) = params.days
    return (
        answer(CATEGORIES, facts)
        .with_columns(
            pl.col("valid_from", "valid_to").cast(pl.Date), pl.col("category").cast(pl.String)
        )
        .filter(
            (pl.col("valid_from").is_null() | (pl.col("valid_from") <= today))
            & (pl.col("valid_to").is_null() | (pl.col("valid_to") > today))
        )
        .sort("agent_id", "valid_from", "category", nulls_last=False)
        .unique("agent_id", keep="last", maintain_order=True)
        .select("agent_id", "category")
    )


def _money(facts: Frames, params: Params) -> pl.DataFrame:
    """Add up each agent's window."""
    (today,) = params.days
    cost = pl.col("spend") + pl.col("human_cost")
    return (
        answer(AGENT_NET, facts)
        .filter(pl.col("day") > today - timedelta(days=WINDOW_DAYS))
        .group_by("agent_id")
        .agg(
            net_value_28d=(pl.col("gross_value") - cost).sum(),
            total_cost_28d=cost.sum(),
        )
    )


def _plan(facts: Frames, params: Params) -> pl.DataFrame:
    """Return what the best plan spends on each agent, against what the same work costs now."""
    asked = plans.programme(facts, params)
    plan = asked.solve()
    planned = asked.at(plan.tasks) * doubles(asked.cells, "cost_per_task")
    usable = pl.col("plan_reason").is_null()
    return (
        asked.cells.with_columns(nullable("planned_cost", planned))
        .filter(usable)
        .group_by("agent_id", maintain_order=True)
        .agg(
            # no plan at all is no plan of 0
            pl.when(pl.col("planned_cost").is_not_null().all()).then(pl.col("planned_cost").sum()),
            present=pl.col("total_cost").sum().cast(pl.Float64) / 1e9,
        )
        .with_columns(
            reallocation=pl.col("planned_cost") - pl.col("present"),
            budget_price=pl.lit(plan.budget_price).fill_nan(None),
        )
        .with_columns(
            pl.when(pl.col("reallocation") > KEEPS * pl.col("present"))
            .then(pl.lit("gain"))
            .when(pl.col("reallocation") < -KEEPS * pl.col("present"))
            .then(pl.lit("lose"))
            .when(pl.col("reallocation").is_not_null())
            .then(pl.lit("keep"))
            .alias("reallocation_move")
        )
    )


def _compare(rows: pl.DataFrame) -> pl.DataFrame:
    """Set each agent beside its category and beside itself."""
    value = pl.col("asr_value_28d")
    rows = rows.with_columns(
        category_median=value.median().over("category"),
        category_agents=value.is_not_null().sum().over("category").cast(pl.Int64),
        target=pl.col("band").replace_strict(TARGETS, default=None, return_dtype=pl.Float64),
        trajectory=pl.when(pl.col("asr_spend_low_28d") > pl.col("high_before"))
        .then(pl.lit("improving"))
        .when(pl.col("asr_spend_high_28d") < pl.col("low_before"))
        .then(pl.lit("declining"))
        .when(pl.col("asr_spend_low_28d").is_not_null() & pl.col("low_before").is_not_null())
        .then(pl.lit("steady")),
    )
    index = ratio(doubles(rows, "asr_value_28d"), doubles(rows, "category_median"))
    return rows.with_columns(nullable("efficiency_index", index))


def _return(rows: pl.DataFrame) -> pl.DataFrame:
    """Take the window's return without and with its part of what was invested."""
    net, cost, built = (
        units(rows, name) for name in ("net_value_28d", "total_cost_28d", "build_cost_28d")
    )
    reason = (
        pl.when(pl.col("invested") == 0)
        .then(pl.lit("no_investment"))
        .when(pl.col("is_old"))
        .then(pl.lit("older_than_a_year"))
        .when(pl.col("is_early"))
        .then(pl.lit("before_first_day"))
        .when(pl.col("payback_days").is_null())
        .then(pl.lit("not_paid_back"))
    )
    unapproved = (~pl.col("is_approved")).fill_null(False)
    return rows.with_columns(
        nullable("roi_28d", ratio(net, cost)),
        nullable("roi_with_build_28d", ratio(net - built, cost + built)),
        payback_reason=reason,
        evidence=pl.when(unapproved).then(pl.lit("assumed")).otherwise("evidence"),
    )
