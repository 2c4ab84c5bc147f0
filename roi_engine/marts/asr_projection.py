"""asr_projection: the coming autonomy-to-spend ratios and return, by agent and horizon."""

import polars as pl

from roi_engine.marts.declared.projections import ASR_PROJECTION
from roi_engine.marts.facts import FactQuery, Frames
from roi_engine.marts.money import nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import stamp
from roi_engine.marts.projections import ENDS, columns, history
from roi_engine.marts.queries_planning import SPEND_DAYS
from roi_engine.metrics.projection import HORIZONS, POINT_DAYS, project_ratio

QUERIES: tuple[FactQuery, ...] = (SPEND_DAYS,)


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows as of the newest day.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices; ``days`` holds the newest day.

    Returns:
        The mart as declared, sorted by grain.
    """
    (today,) = params.days
    days, known = history(facts, params)
    table = days.tables
    cost = table["spend"] + table["human_cost"]
    share = project_ratio(table["autonomous_spend"], table["spend_without_credits"], scale="share")
    value = project_ratio(table["autonomous_value"], table["spend"])
    returned = project_ratio(table["gross_value"] - cost, cost)
    rows = pl.concat(
        known.with_columns(
            *columns("asr_spend", share, at),
            *columns("asr_value", value, at),
            *columns("roi", returned, at),
            nullable("share", share.total[:, at]),
            horizon_days=pl.lit(horizon, dtype=pl.Int64),
        )
        for at, horizon in enumerate(HORIZONS)
    )
    is_share = pl.col("asr_spend").is_between(0, 1)
    names = ("asr_spend", *(f"asr_spend_{end}" for end in ENDS))
    rows = rows.with_columns(pl.when(is_share).then(pl.col(name)).alias(name) for name in names)
    reason = (
        pl.when(pl.col("history_days") < POINT_DAYS)
        .then(pl.lit("short_history"))
        .when(pl.col("share").is_null())
        .then(pl.lit("no_denominator"))
        .when(pl.col("asr_spend").is_null() | pl.col("asr_spend").is_in([0.0, 1.0]))
        .then(pl.lit("outside"))
        .when(pl.col("asr_spend_low_95").is_null())
        .then(pl.lit("no_interval"))
    )
    return (
        rows.with_columns(projection_reason=reason, day=pl.lit(today))
        .pipe(stamp, params)
        .rename({"day": "as_of_day"})
        .pipe(ASR_PROJECTION.conform)
    )
