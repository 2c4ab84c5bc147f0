"""daily_staffing: people's time on tasks beside their time on duty."""

import polars as pl

from roi_engine.marts.declared.daily_staffing import DAILY_STAFFING
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import DUTY, WORKED_BY_DEPARTMENT
from roi_engine.metrics.productivity import utilisation

QUERIES: tuple[FactQuery, ...] = (WORKED_BY_DEPARTMENT, DUTY, MATURITY, OPEN_COST)

SHARED = "__shared__"
"""The member of all departments without service hours of their own."""

_KEYS = ["day", "department"]


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    duty = requested(answer(DUTY, facts), params)
    worked = requested(answer(WORKED_BY_DEPARTMENT, facts), params)
    is_known = pl.col("known_duties") > 0
    rows = (
        together(_KEYS, _at_their_duty(worked, duty), duty)
        .sort(_KEYS)
        .with_columns(
            duty_microseconds=pl.when(is_known).then("duty_microseconds"),
            staffed_microseconds=pl.when(is_known).then("worked_microseconds").otherwise(0),
        )
    )
    share = utilisation(doubles(rows, "staffed_microseconds"), doubles(rows, "duty_microseconds"))
    return (
        rows.with_columns(
            nullable("human_utilisation", share),
            evidence(pl.col("assumed_entries"), pl.lit(0)),
            cost_basis=pl.lit("billed"),
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .with_columns(
            pl.col(c.name).cast(pl.Int64) for c in DAILY_STAFFING.columns if c.type == "BIGINT"
        )
        .pipe(stamp, params)
        .pipe(DAILY_STAFFING.conform)
    )


def _at_their_duty(worked: pl.DataFrame, duty: pl.DataFrame) -> pl.DataFrame:
    """Put work where the duty is that it belongs to, as far as anybody keeps hours on the day."""
    own = duty.select(*_KEYS, has_own=pl.lit(True))
    shared = duty.filter(pl.col("department") == SHARED).select("day", has_shared=pl.lit(True))
    return (
        worked.join(own, on=_KEYS, how="left", validate="1:1")
        .join(shared, on="day", how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col("has_own").is_null() & pl.col("has_shared").is_not_null())
            .then(pl.lit(SHARED))
            .otherwise("department")
            .alias("department")
        )
        .drop("has_own", "has_shared")
    )
