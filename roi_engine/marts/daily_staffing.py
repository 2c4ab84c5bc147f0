"""daily_staffing: people's time on tasks beside their time on duty."""

import polars as pl

from roi_engine.marts.declared.daily_staffing import DAILY_STAFFING
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.money import doubles, nullable
from roi_engine.marts.params import Params
from roi_engine.marts.parts import evidence, requested, stamp, statuses, together
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import DUTY, WORKED_BY_ROSTER
from roi_engine.metrics.productivity import utilisation

QUERIES: tuple[FactQuery, ...] = (WORKED_BY_ROSTER, DUTY, MATURITY, OPEN_COST)

_KEYS = ["day", "roster"]


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    is_known = pl.col("known_duties") > 0
    rows = (
        together(
            _KEYS,
            *(requested(answer(query, facts), params) for query in (WORKED_BY_ROSTER, DUTY)),
        )
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
