"""policies: from band, safety and money to what each agent may do and spend."""

from datetime import timedelta

import numpy as np
import polars as pl

from roi_engine.marts.declared.policies import (
    HISTORY_DAYS,
    MAX_HALLUCINATION_RATE,
    MAX_VIOLATIONS,
    POLICIES,
)
from roi_engine.marts.facts import Count, FactQuery, Frames, Sum, answer
from roi_engine.marts.money import NANO, as_decimal, doubles, nullable, units
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp, weakest
from roi_engine.marts.queries import WINDOW
from roi_engine.marts.rate_drift import RATE_DRIFT_QUERIES, rate_drift
from roi_engine.metrics.policy import LEVELS, calls_left, levels, with_hysteresis
from roi_engine.metrics.roi import Floats, ratio
from roi_engine.metrics.rounding import half_away

AGENT_DAYS = FactQuery(
    "agent_days",
    "daily_asr",
    by=tuple(
        (name, name)
        for name in (
            *("day", "agent_id", "asr_spend_low_28d", "asr_value_low_28d", "cost_per_action_28d"),
            *("days_28d", "violations_28d", "actions_28d", "ended_tasks_28d"),
            *("evidence", "cost_basis", "status"),
        )
    ),
    sums=(Sum("spend", "spend", NANO), Sum("spend_28d", "spend_28d", NANO)),
    counts=(Count("rows"),),
    where="not starts_with(agent_id, '__')",
    reaches_back=HISTORY_DAYS - 1,
    about="Spend and proven share of each agent's days.",
)
SUCCESS_DAYS = FactQuery(
    "success_days",
    "daily_asr",
    by=(("day", "day"), ("agent_id", "agent_id")),
    sums=(
        Sum("spend", "spend", NANO),
        Sum("autonomous_successes", "autonomous_successes", 0),
    ),
    reaches_back=WINDOW,
    about="Spend and autonomous successes of each agent's days.",
)
ADJUSTED_DAYS = FactQuery(
    "adjusted_days",
    "daily_hallucination_adjusted_cost",
    by=tuple(
        (name, name)
        for name in (
            *("day", "agent_id", "model_version", "task_type", "outputs"),
            *("adjusted_value", "hallucination_cost", "hallucination_rate_low"),
        )
    ),
    sums=(Sum("gross_value", "gross_value", NANO),),
    where="not starts_with(agent_id, '__')",
    # of an agent that has been still, the window of its newest day is meant
    reaches_back=HISTORY_DAYS - 1 + WINDOW,
    about="What each cell's value loses to unseen errors.",
)
WALLET_NOW = FactQuery(
    "wallet_now",
    "daily_wallet",
    by=(("day", "day"), ("wallet_id", "wallet_id")),
    sums=(
        Sum("remaining", "remaining", NANO),
        Sum("slope_limit_per_hour", "slope_limit_per_hour", NANO),
    ),
    counts=(Count("slopes", "slope_limit_per_hour is not null"),),
    about="What is left in each wallet.",
)
WALLET_AGENTS = FactQuery(
    "wallet_agents",
    "fct_wallet_entry",
    by=(("day", "day"), ("wallet_id", "wallet_id"), ("agent_id", "agent_id")),
    counts=(Count("entries"),),
    about="Which wallet pays for which agent.",
)
DECISIONS = FactQuery(
    "decisions",
    "dim_policy",
    by=tuple((name, name) for name in ("band", "decision", "approval", "valid_from", "valid_to")),
    sums=(Sum("policy_cap", "budget_cap", NANO),),
    counts=(Count("caps", "budget_cap is not null"),),
    reaches_back=None,
    about="What a band's policy says, as dated reference rows.",
)
QUERIES: tuple[FactQuery, ...] = (
    AGENT_DAYS,
    SUCCESS_DAYS,
    ADJUSTED_DAYS,
    WALLET_NOW,
    WALLET_AGENTS,
    DECISIONS,
    *RATE_DRIFT_QUERIES,
)
RISES = 0.05
"""A cost per success that grew by less is not called rising."""

_MONEY = tuple(c.name for c in POLICIES.columns if c.type == "DECIMAL(38,9)")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    days = answer(AGENT_DAYS, facts).sort("agent_id", "day")
    newest = days.group_by("agent_id", maintain_order=True).last()
    last_days = newest.select("agent_id", last="day")
    rows = (
        newest.drop("day", "spend", "evidence", "cost_basis", "status", "rows")
        .join(_held(days, params), on="agent_id", how="left", validate="1:1")
        .join(_trust(days), on="agent_id", how="left", validate="1:1")
        .join(_losses(facts, last_days), on="agent_id", how="left", validate="1:1")
        .join(_drifted(facts, params), on="agent_id", how="left", validate="1:1")
        .join(_trend(facts, params), on="agent_id", how="left", validate="1:1")
        .join(_wallets(facts), on="agent_id", how="left", validate="1:1")
        .join(_decisions(facts, params), left_on="proven_band", right_on="band", how="left")
        .sort("agent_id")
    )
    return (
        rows.pipe(_decide)
        .with_columns(day=pl.lit(today))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .with_columns(*as_decimal(*_MONEY))
        .pipe(POLICIES.conform)
    )


def _held(days: pl.DataFrame, params: Params) -> pl.DataFrame:
    """Walk each agent's mature days, oldest first, to the band that it holds."""
    last = params.as_of - timedelta(days=params.reopen_window_days)
    agents = days.select(pl.col("agent_id").unique().sort())
    (today,) = params.days
    calendar = pl.DataFrame(
        {"day": [today - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]}
    )
    laid_out = agents.join(calendar, how="cross").join(
        days.select("agent_id", "day", "asr_spend_low_28d", "ended_tasks_28d", "rows"),
        on=["agent_id", "day"],
        how="left",
        validate="1:1",
    )
    shape = (agents.height, HISTORY_DAYS)
    is_known = (
        laid_out.select(pl.col("rows").is_not_null() & (pl.col("day") <= last))
        .to_series()
        .to_numpy()
        .reshape(shape)
    )
    # too few tasks prove nothing, as they have no band
    ended = doubles(laid_out, "ended_tasks_28d")
    proven = np.where(
        ended >= params.min_group_size, doubles(laid_out, "asr_spend_low_28d"), np.nan
    )
    daily = levels(proven).reshape(shape)
    held = with_hysteresis(daily, is_known)
    return agents.with_columns(
        pl.Series("proven_band", [LEVELS[level] for level in held.tolist()], dtype=pl.String),
        pl.Series("mature_days", is_known.sum(axis=1), dtype=pl.Int64),
    )


def _trust(days: pl.DataFrame) -> pl.DataFrame:
    return days.group_by("agent_id").agg(
        weakest("evidence"), weakest("cost_basis"), weakest("status")
    )


def _losses(facts: Frames, last_days: pl.DataFrame) -> pl.DataFrame:
    """Add up what unseen errors take from each agent, and its worst rate that is certain.

    Over the 28 days to the agent's last day with a row, as the value is that they are taken from.
    """
    age = (pl.col("last") - pl.col("day")).dt.total_days()
    cells = (
        answer(ADJUSTED_DAYS, facts)
        .join(last_days, on="agent_id", how="inner", validate="m:1")
        .filter(age.is_between(0, WINDOW))
        .sort("agent_id", "day", "model_version", "task_type")
    )
    lost = units(cells, "gross_value") - doubles(cells, "adjusted_value")
    lost = lost + doubles(cells, "hallucination_cost")
    return (
        cells.with_columns(pl.Series("lost", lost))
        .group_by("agent_id", maintain_order=True)
        .agg(
            lost=pl.col("lost").sum(),
            certain_rate=pl.col("hallucination_rate_low")
            .filter(pl.col("day") == pl.col("day").max())
            .max(),
        )
    )


def _drifted(facts: Frames, params: Params) -> pl.DataFrame:
    """Say of each agent whether the rate of any of its cells moved; NULL where none can tell."""
    cells = rate_drift(facts, params).filter(pl.col("is_rate_drifted").is_not_null())
    return cells.group_by("agent_id").agg(pl.col("is_rate_drifted").any())


def _trend(facts: Frames, params: Params) -> pl.DataFrame:
    """Set the last 14 days' spend per success beside that of the 14 before."""
    (today,) = params.days
    half = pl.when(pl.col("day") > today - timedelta(days=14)).then(pl.lit("new"))
    daily = answer(SUCCESS_DAYS, facts).with_columns(half.otherwise(pl.lit("old")).alias("half"))
    sums = (
        daily.group_by("agent_id", "half")
        .agg(pl.col("spend", "autonomous_successes").sum())
        .pivot("half", index="agent_id", values=["spend", "autonomous_successes"])
    )
    for name in ("spend", "autonomous_successes"):
        for half_name in ("old", "new"):
            if f"{name}_{half_name}" not in sums.columns:
                sums = sums.with_columns(pl.lit(0).alias(f"{name}_{half_name}"))
    each: dict[str, Floats] = {
        name: ratio(
            doubles(sums, f"spend_{name}", 1e9), doubles(sums, f"autonomous_successes_{name}")
        )
        for name in ("old", "new")
    }
    change = ratio(each["new"], each["old"]) - 1
    return sums.select("agent_id", nullable("cost_per_success_change", change))


def _wallets(facts: Frames) -> pl.DataFrame:
    """Say which wallet pays for each agent and what is left in it; the first by name of several."""
    left = answer(WALLET_NOW, facts)
    return (
        answer(WALLET_AGENTS, facts)
        .join(left, on=["day", "wallet_id"], how="inner", validate="m:1")
        .sort("agent_id", "wallet_id")
        .unique("agent_id", keep="first", maintain_order=True)
        .select(
            *("agent_id", "wallet_id"),
            pl.col("remaining").alias("money_left"),
            pl.when(pl.col("slopes") > 0).then("slope_limit_per_hour").alias("rate_limit_per_hour"),
        )
    )


def _decisions(facts: Frames, params: Params) -> pl.DataFrame:
    """Return what each band's policy says on the newest day."""
    (today,) = params.days
    return (
        answer(DECISIONS, facts)
        .with_columns(pl.col("valid_from", "valid_to").cast(pl.Date))
        .filter(
            (pl.col("valid_from").is_null() | (pl.col("valid_from") <= today))
            & (pl.col("valid_to").is_null() | (pl.col("valid_to") > today))
        )
        .sort("band", "valid_from", nulls_last=False)
        .unique("band", keep="last", maintain_order=True)
        .select(
            *("band", "decision", "approval"),
            pl.when(pl.col("caps") > 0).then("policy_cap").alias("policy_cap"),
        )
    )


def _decide(rows: pl.DataFrame) -> pl.DataFrame:
    verified = doubles(rows, "asr_value_low_28d") - ratio(
        doubles(rows, "lost"), units(rows, "spend_28d")
    )
    broken = ratio(1000 * doubles(rows, "violations_28d"), doubles(rows, "actions_28d"))
    rows = rows.with_columns(
        nullable("verified_asr_value_low", verified),
        nullable("violations", broken),
        pl.Series(
            "present_spend",
            half_away(rows["spend_28d"].to_list(), rows["days_28d"].to_list()).tolist(),
            dtype=pl.Int128,
        ),
    )
    rising = pl.col("cost_per_success_change") > RISES
    # what is not known is not earned
    unearned = (pl.col("verified_asr_value_low").fill_null(-np.inf) < 1) | pl.col(
        "cost_per_success_change"
    ).is_null()
    reason = (
        pl.when(pl.col("policy_cap").is_null())
        .then(pl.lit("no_policy"))
        # a mean of two rates is not today's: what it verified grants nothing
        .when(pl.col("is_rate_drifted").fill_null(False))
        .then(pl.lit("rate_drifted"))
        .when(unearned)
        .then(pl.lit("not_verified"))
        .when(rising)
        .then(pl.lit("cost_rises"))
        .otherwise(pl.lit("policy"))
    )
    why = (
        pl.when(pl.col("violations").fill_null(0) > MAX_VIOLATIONS)
        .then(pl.lit("violations"))
        .when(pl.col("certain_rate").fill_null(0) > MAX_HALLUCINATION_RATE)
        .then(pl.lit("hallucinations"))
        .when(pl.col("decision").is_null())
        .then(pl.lit("no_policy"))
        .otherwise(pl.lit("band"))
    )
    rows = rows.with_columns(budget_reason=reason, mode_reason=why)
    held = pl.min_horizontal("policy_cap", "present_spend")
    rows = rows.with_columns(
        budget_cap=pl.when(pl.col("budget_reason") == "no_policy")
        .then(None)
        .when(pl.col("budget_reason") == "policy")
        .then("policy_cap")
        .otherwise(held),
        mode=pl.when((pl.col("mode_reason") == "band") & (pl.col("decision") == "execute"))
        .then(pl.lit("execute"))
        .otherwise(pl.lit("propose_only")),
        is_wallet_empty=(pl.col("money_left") <= 0).fill_null(False),
    )
    may = rows.select(x=pl.min_horizontal("money_left", "budget_cap"))
    left = calls_left(units(may, "x"), doubles(rows, "cost_per_action_28d"))
    return rows.with_columns(nullable("calls_left", left).cast(pl.Int64))
