"""daily_duration: how long work took, counted in buckets."""

import polars as pl

from roi_engine.marts.declared.daily_duration import DAILY_DURATION
from roi_engine.marts.facts import FactQuery, Frames, answer
from roi_engine.marts.params import Params
from roi_engine.marts.parts import evidence, requested, stamp, statuses
from roi_engine.marts.queries import MATURITY, OPEN_COST
from roi_engine.marts.queries_people import DURATIONS

QUERIES: tuple[FactQuery, ...] = (*DURATIONS.values(), MATURITY, OPEN_COST)

_OF_PEOPLE = ("handle_minutes", "work_minutes")


def build(facts: Frames, params: Params) -> pl.DataFrame:
    """Build the rows of the requested days.

    Args:
        facts: Answers to ``QUERIES``, by query name.
        params: The run's choices.

    Returns:
        The mart as declared, sorted by grain.
    """
    counted = pl.concat(
        requested(answer(query, facts), params).with_columns(
            measure=pl.lit(measure), bucket=pl.col("bucket").cast(pl.Int64)
        )
        for measure, query in DURATIONS.items()
    )
    # only people's minutes are ever assumed; instants are measured
    assumed = pl.col("measure").is_in(_OF_PEOPLE) & (pl.col("assumed_tasks") > 0)
    return (
        counted.with_columns(
            evidence(assumed.cast(pl.Int64), pl.lit(0)), cost_basis=pl.lit("billed")
        )
        .join(statuses(facts, params), on="day", how="left", validate="m:1")
        .pipe(stamp, params)
        .pipe(DAILY_DURATION.conform)
    )
