"""daily_cohort: tasks, spend and value of each day, by the week of creation."""

import polars as pl

from roi_engine.marts.declared.daily_cohort import CLASSES, DAILY_COHORT
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import CREDITED_SCALE, as_decimal, to_nano
from roi_engine.marts.params import Params
from roi_engine.marts.parts import cost_basis, evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import COST_BY_AGENT, MATURITY, OPEN_COST
from roi_engine.marts.queries_people import COHORT_TASKS, COHORT_USE, COHORT_VALUE
from roi_engine.metrics.allocation import largest_remainder

QUERIES: tuple[FactQuery, ...] = (
    COHORT_TASKS,
    COHORT_VALUE,
    COHORT_USE,
    COST_BY_AGENT,
    MATURITY,
    OPEN_COST,
)

_KEYS = ["day", "cohort_week", "agent_id"]
_VALUES = ("labour_value", "speed_value", "direct_value", "avoided_loss")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    value = _by_week(COHORT_VALUE, facts, params).with_columns(
        to_nano(part, CREDITED_SCALE) for part in _VALUES
    )
    tasks = _by_week(COHORT_TASKS, facts, params).with_columns(tasks=pl.sum_horizontal(*CLASSES))
    rows = together(
        _KEYS,
        tasks,
        value.select(
            *_KEYS,
            "published_tasks",
            "assumed_tasks",
            gross_value=pl.sum_horizontal(_VALUES),
        ),
        _spend(facts, params),
    )
    return (
        rows.join(_basis(facts, params), on=["day", "agent_id"], how="left", validate="m:1")
        .with_columns(pl.col("billed_lines", "estimated_lines").fill_null(0))
        .with_columns(
            evidence(pl.col("assumed_tasks"), pl.col("published_tasks")),
            cost_basis(),
            *as_decimal("spend", "human_cost", "gross_value"),
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_COHORT.conform)
    )


def _by_week(query: FactQuery, facts: Frames, params: Params) -> pl.DataFrame:
    return (
        requested(answer(query, facts), params)
        .with_columns(cohort_week=pl.col("created_day").cast(pl.Date).dt.truncate("1w"))
        .drop("created_day")
        .group_by(_KEYS)
        .agg(pl.all().sum())
    )


def _spend(facts: Frames, params: Params) -> pl.DataFrame:
    """Share each agent's spend of a day over the weeks that its usage was for; none is lost."""
    agent = ["day", "agent_id"]
    spend = (
        requested(answer(COST_BY_AGENT, facts), params)
        .group_by(agent)
        .agg(pl.col("spend").sum())
        .sort(agent)
        .with_row_index("group")
        .with_columns(pl.col("group").cast(pl.Int64))
    )
    own_week = spend.select(*agent, cohort_week=pl.col("day").dt.truncate("1w"))
    used = _by_week(COHORT_USE, facts, params).join(spend.select(agent), on=agent, how="semi")
    # the day's own week is a member of its own even where nothing was used for it
    members = together(_KEYS, used, own_week).join(
        spend.select(*agent, "group"), on=agent, how="left", validate="m:1"
    )
    sums = {name: pl.col(name).sum().over("group") for name in ("priced_cost", "tokens")}
    is_own = pl.col("cohort_week") == pl.col("day").dt.truncate("1w")
    members = members.with_columns(
        weight=pl.when(sums["priced_cost"] > 0)
        .then("priced_cost")
        .when(sums["tokens"] > 0)
        .then("tokens")
        .otherwise(is_own.cast(pl.Int128))
    ).sort("group", "cohort_week")
    shares = largest_remainder(
        spend["spend"].to_list(),
        members["group"].to_numpy(),
        members["weight"].to_list(),
        members["cohort_week"].cast(pl.Int32).to_numpy(),
    ).shares
    return members.select(
        *_KEYS, pl.Series("spend", shares, dtype=pl.Int64).cast(pl.Int128)
    ).filter((pl.col("spend") != 0) | is_own)


def _basis(facts: Frames, params: Params) -> pl.DataFrame:
    return (
        requested(answer(COST_BY_AGENT, facts), params)
        .group_by("day", "agent_id")
        .agg(pl.col("billed_lines", "estimated_lines").sum())
    )
